from dataclasses import replace

from livebg.config.schema import SETTINGS, Settings
from livebg.runtime.chain import LIVE_SETTINGS, same_network


def test_every_live_setting_exists() -> None:
    assert LIVE_SETTINGS.issubset(SETTINGS)


def test_what_needs_another_network() -> None:
    settings = Settings()
    assert same_network(settings, replace(settings, background="white", mirror=True, every=2))
    for other in (
        replace(settings, model="deeplabv3_resnet50"),
        replace(settings, matte_size=(448, 256)),
        replace(settings, latency="aligned"),
    ):
        assert not same_network(settings, other)
