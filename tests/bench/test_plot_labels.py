from itertools import pairwise

import numpy as np

from livebg.bench.plot_axes import Area
from livebg.bench.plot_labels import Label, place_labels

AREA = (0.0, 0.0, 800.0, 400.0)
DOT = 7.0


def meet(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_a_label_stands_above_its_point_to_the_right() -> None:
    ((left, top, right, bottom),) = place_labels([Label((400, 200), (90, 40))], AREA, [], DOT)
    assert (right - left, bottom - top) == (90, 40)
    assert 400 < left < 420
    assert 170 < bottom < 200


def test_at_the_right_edge_it_stands_to_the_left() -> None:
    ((left, _, right, _),) = place_labels([Label((790, 200), (90, 40))], AREA, [], DOT)
    assert left > 0
    assert right < 790


def test_labels_cover_neither_points_nor_lines_nor_each_other() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        xs, ys = np.sort(random.uniform(150, 650, 4)), random.uniform(100, 300, 4)
        if np.diff(xs).min() < 60:
            continue
        places = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        areas = place_labels([Label(place, (60, 30)) for place in places], AREA, places, DOT)
        for number, area in enumerate(areas):
            assert not any(meet(area, other) for other in areas[:number])
            for (x, y), (next_x, next_y) in pairwise(places):
                for share in np.linspace(0, 1, 200):
                    at = (x + share * (next_x - x), y + share * (next_y - y))
                    # The line is looked at once in a dot's radius: a corner may graze it.
                    inner = (area[0] + 4, area[1] + 4, area[2] - 4, area[3] - 4)
                    assert not meet(inner, (*at, at[0] + 1e-9, at[1] + 1e-9))


def test_where_nothing_is_free_it_is_placed_all_the_same() -> None:
    crowd = [Label((400, 200), (300, 150))] * 9
    areas = place_labels(crowd, AREA, [], DOT)
    assert len(areas) == 9
    assert all(AREA[0] <= left and right <= AREA[2] for left, _, right, _ in areas)
