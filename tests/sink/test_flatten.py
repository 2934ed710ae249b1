import numpy as np

from livebg.sink.flatten import checkerboard, flatten


def _bgra(alpha: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((4, 6, 4), (200, 100, 50, alpha), np.uint8)


def test_a_picture_without_alpha_is_returned_as_it_is() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert flatten(image) is image


def test_the_room_in_the_colours_of_transparent_pixels_does_not_show() -> None:
    assert not flatten(_bgra(0)).any()


def test_opaque_pixels_stay_exactly() -> None:
    plate = np.full((4, 6, 3), 17, np.uint8)
    assert np.array_equal(flatten(_bgra(255), plate), _bgra(255)[..., :3])


def test_transparent_pixels_are_the_plate_exactly() -> None:
    plate = checkerboard((6, 4))
    assert np.array_equal(flatten(_bgra(0), plate), plate)


def test_half_transparent_pixels_are_half_of_each() -> None:
    plate = np.full((4, 6, 3), 20, np.uint8)
    exact = np.array((200, 100, 50)) * 128 / 255 + 20 * 127 / 255
    # The two products are rounded one by one.
    assert np.abs(flatten(_bgra(128), plate)[0, 0] - exact).max() <= 1


def test_the_picture_is_not_altered() -> None:
    image = _bgra(128)
    flatten(image)
    assert np.array_equal(image, _bgra(128))


def test_a_checkerboard_has_both_greys_side_by_side() -> None:
    board = checkerboard((640, 360))
    assert board.shape == (360, 640, 3)
    assert set(np.unique(board)) == {153, 204}
    assert board[0, 0, 0] == board[8, 8, 0] != board[0, 8, 0]
