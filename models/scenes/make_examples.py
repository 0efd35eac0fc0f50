"""Draws the three demo pictures in examples/ and notes what they show."""

from draw import draw, save
from prompt import FOLDER
from talk import article, description
from world import EXAMPLE_SEED, scene_of

EXAMPLES = {"checked": 7, "dotted": 12, "striped": 18}


def main():
    folder = FOLDER / "examples"
    folder.mkdir(exist_ok=True)
    lines = ["# Demo pictures", "", "336 x 336, never trained on; `make_examples.py` draws them. What they show:", ""]
    for name, seed in EXAMPLES.items():
        scene = scene_of(EXAMPLE_SEED + seed)
        assert scene.ground == name
        save(draw(scene), folder / f"{name}.png")
        lines.append(f"- `{name}.png`: {article(description(scene))}")
    (folder / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
