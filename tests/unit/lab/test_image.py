"""The images that rehearsals boot from: each is most of a gigabyte."""

from pathlib import Path

from lab.rehearsal import image


def test_images_of_older_recipes_go_unless_a_machine_runs_on_them(tmp_path: Path) -> None:
    for name in ("new", "old", "old.building-1", "in-use"):
        (tmp_path / name / "root").mkdir(parents=True)
    (tmp_path / "build.log").touch()
    with image.in_use(image.Image(tmp_path / "in-use")):
        image._forget_others(tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "in-use", "build.log"}
    image._forget_others(tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "build.log"}
