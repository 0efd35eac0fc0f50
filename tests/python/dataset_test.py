"""Training data: records one by one, figures, what cannot be used."""

import json
import pathlib

import pytest
from conftest import TINY
from training import write_records

import llava


def records(path: pathlib.Path, text: str) -> list[llava.Record]:
    path.write_text(text, encoding="utf-8")
    with llava.Dataset(path) as data:
        return list(data)


def test_records_come_in_order_by_number_and_with_their_pictures(tmp_path: pathlib.Path) -> None:
    with llava.Dataset(write_records(tmp_path)) as data:
        assert [record.id for record in data] == [str(number) for number in range(12)]
        assert len(data) == 12 and data[-1].id == "11" and [each.id for each in data[9:]] == ["9", "10", "11"]
        record = data[1]
        assert record.turns == [("human", "<image>\nWhat is 1?"), ("gpt", "It is 1.")]
        assert record.turns[0].speaker == "human" and record.fields["image"] == "写真 🦙.png"
        assert record.image_paths == [tmp_path / "写真 🦙.png"] and record.images()[0].width == 336
        assert data[0].images() == []
        assert record in data and data.index(record) == 1 and record != data[2]
        assert repr(record) == "<llava.Record '1' 1 pictures, 2 turns: '<image>\\nWhat is 1?'>"
        shown = record._repr_html_()
        assert '<img src="data:image/png;base64,' in shown and "&lt;image&gt;" in shown
        with pytest.raises(IndexError):
            data[12]
        assert repr(data) == f"<llava.Dataset {str(tmp_path / 'data.json')!r} 12 records>"
    data.close()
    assert data.closed and repr(data).endswith(" closed>")
    with pytest.raises(llava.ClosedError):
        next(iter(data))


def test_a_list_and_lines_are_read_alike_however_long(tmp_path: pathlib.Path) -> None:
    rows = [{"id": "é🦙" * (1 + number % 7) + str(number), "text": "\\n 猫 ]},{[" * (number * 37 % 211)} for number in range(2000)]
    lines = "\n".join(json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(rows))
    assert len(lines.encode()) > 2 << 20  # longer than what is read at a time
    for text in (lines, lines + "\n\n", json.dumps(rows, ensure_ascii=False), json.dumps(rows, indent=1), "[]", " \n"):
        expected = rows if len(text) > 5 else []
        assert [record.fields for record in records(tmp_path / "rows", text)] == expected
    with llava.Dataset(tmp_path / "rows") as data:
        assert len(data) == 0
    (tmp_path / "rows").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    with llava.Dataset(tmp_path / "rows") as data:
        both = zip(data, data, strict=True)  # two readers at once, and numbers between them
        assert all(one.id == other.id == data[number].id for number, (one, other) in enumerate(both) if number % 97 == 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"id": 1}, {"id": }]', r"record 2 at byte 12: Expecting value"),
        ('[{"id": 1} {"id": 2}]', r"record 2 at byte 11: there is '\{', expected ','"),
        ('[{"id": 1}', r"record 2 at byte 10: there is '', expected ','"),
        ('[{"id": 1}, ', r"record 2 at byte 12: Expecting value"),
        ('[{"é": 1}, 猫]', r"record 2 at byte 12: Expecting value"),
        ("[[1]]", "record 1 at byte 1: it is of type list, expected an object"),
        ('{"id": 1}\n7', "record 2 at byte 10: it is of type int, expected an object"),
        ('[{"id": 1}] x', r"record 2 at byte 12: there is 'x', expected ''"),
        ('{"id": "1', "record 1 at byte 0: Unterminated string"),
    ],
)
def test_what_is_broken_is_told_with_its_place(tmp_path: pathlib.Path, text: str, reason: str) -> None:
    with pytest.raises(llava.FormatError, match=r"/rows: " + reason):
        records(tmp_path / "rows", text)


def test_bytes_that_are_no_text_are_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b'{"id": 1}\n{"id": "\xff"}')
    with pytest.raises(llava.FormatError, match="it is no UTF-8: invalid start byte"):
        list(llava.Dataset(path))
    with pytest.raises(FileNotFoundError):
        llava.Dataset(tmp_path / "none")


def test_a_check_counts_and_names_what_cannot_be_used(tmp_path: pathlib.Path) -> None:
    path = write_records(tmp_path)
    rows = json.loads(path.read_text())
    rows[4]["image"] = "gone.png"
    path.write_text(json.dumps(rows))
    seen: list[llava.LoadProgress] = []
    with llava.Dataset(path) as data:
        report = data.check(TINY, progress=seen.append, pictures="header")
        assert (report["records"], report["usable"], report["pictures"], report["text_only"]) == (12, 11, 7, 4)
        assert [(bad["record"], bad["id"]) for bad in report["bad"]] == [(5, "4")] and "gone.png" in report["bad"][0]["message"]
        assert report["tokens"]["total"] > report["learned_tokens"]["total"] > 0
        assert seen and seen[0].phase == "index"
        plan = llava.plan_training(TINY, data, stage=2)
        assert plan["usable"] == 11
    with pytest.raises(TypeError, match="unexpected keyword argument 'picture'"):
        llava.check_dataset(path, TINY, picture="skip")  # type: ignore[call-arg]
