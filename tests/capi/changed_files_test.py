"""Files of an open model that are cut, written to or replaced, through the C ABI, each in a child process: a signal would end it.

    python3 changed_files_test.py libllava.so
"""

import ctypes
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

CORE = ctypes.CDLL(sys.argv.pop(1))  # before the children are made: it takes longer than they do
HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "model"
CHECKPOINTS = HERE.parent / "checkpoints" / "golden"
OK, IO, USER = 0, 5, 1
PICTURE = str(GOLDEN / "pictures" / "wide.jpg").encode()


def size_of(struct):
    return int(re.search(rf"^{struct} - (\d+) ", (HERE / "layout.txt").read_text(), re.M)[1])


class Library:
    """The few functions of the C ABI that are needed here."""

    def __init__(self):
        self.c = CORE
        for name in ("llava_last_error", "llava_response_text", "llava_string_data", "llava_status_name"):
            getattr(self.c, name).restype = ctypes.c_char_p

    def call(self, name, *given):
        """Status and the handle that the function hands out."""
        out = ctypes.c_void_p()
        status = getattr(self.c, "llava_" + name)(*given, ctypes.byref(out))
        return status, out

    def make(self, name, *given):
        status, out = self.call(name, *given)
        assert status == OK, (name, status, self.error())
        return out

    def error(self):
        return self.c.llava_last_error().decode()

    def options(self, name, **fields):
        memory = ctypes.create_string_buffer(size_of(f"llava_{name}_options"))
        self.kept = ctypes.c_void_p()
        fill = getattr(self.c, f"llava_{name}_options_from_json")
        status = fill(memory, ctypes.c_size_t(len(memory)), json.dumps(fields).encode(), ctypes.byref(self.kept))
        assert status == OK, self.error()
        return memory

    def load(self, folder, **fields):
        return self.make("load", str(folder).encode(), self.options("load", device="cpu", template_name="plain", **fields))

    def picture(self):
        return self.make("image_from_file", PICTURE, None)

    def message(self, picture=None):
        message = self.make("message_create", USER)
        if picture:
            assert self.c.llava_message_add_image(message, picture) == OK, self.error()
        assert self.c.llava_message_add_text(message, b"What is it?") == OK, self.error()
        return message

    def chat(self, session):
        chat = self.options("chat", max_tokens=3, temperature=0.0, ignore_eos=True)
        return self.call("chat", session, self.message(self.picture()), chat)

    def words(self, session):
        status, response = self.chat(session)
        assert status == OK, self.error()
        return self.c.llava_response_text(response, 0)

    def computing(self, model, session):
        """Status and message of every call that begins to compute."""
        ids = (ctypes.c_int32 * 3)(1, 5, 6)
        found = {}
        for name, ask in {
            "ask": lambda: self.call("ask", model, self.picture(), b"What?"),
            "encode": lambda: self.call("encode_image", model, self.picture(), None),
            "forward": lambda: self.call("forward", model, ids, ctypes.c_int64(3), None, 0, None),
            "chat": lambda: self.chat(session),
            "stream": lambda: self.call("chat_start", session, self.message(), None),
            "append": lambda: (self.c.llava_session_append(session, self.message(), None), None),
            "append_ids": lambda: (self.c.llava_session_append_ids(session, ids, ctypes.c_int64(3), None, 0, None), None),
        }.items():
            status, made = ask()
            found[name] = (status, "" if status == OK else self.error())
            if name == "stream":
                self.c.llava_stream_free(made)  # else the session is busy
        return found


def refused(found, file, what):
    for call, (status, message) in found.items():
        assert status == IO and re.search(rf"{re.escape(file)}: {what}", message), (call, status, message)


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def a_cut_shard(folder):
    library = Library()
    model = library.load(folder)
    session = library.make("session_create", model, None)
    library.words(session)
    stream = library.make("chat_start", library.make("session_create", model, None), library.message(), None)
    cut(folder / "model.safetensors")
    refused(library.computing(model, session), "model.safetensors", r"changed from \d+ to \d+ bytes since it was opened in /.*no_mmap")
    event = ctypes.c_void_p()
    assert library.c.llava_stream_next(stream, ctypes.c_int64(-1), ctypes.byref(event)) == IO, "a stream that was begun before"
    turns = library.c.llava_session_turn_count(session)
    assert turns == 2, f"the session is as before: {turns}"
    library.c.llava_session_free(session)
    library.c.llava_model_free(model)
    library.load(GOLDEN / "tiny")


def a_shard_that_is_written_to(folder):
    library = Library()
    model = library.load(folder)
    session = library.make("session_create", model, None)
    os.utime(folder / "model.safetensors", (1, 1))
    refused(library.computing(model, session), "model.safetensors", "was written to since it was opened in /")


def a_cut_tower_and_a_cut_projector(folder):
    library = Library()
    for file in ("tower/model.safetensors", "projector/mm_projector.safetensors"):
        for part in ("tower", "projector"):
            shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(CHECKPOINTS / "parts_clip", folder / "tower")
        shutil.copytree(CHECKPOINTS / "parts_projector", folder / "projector")
        model = library.load(CHECKPOINTS / "parts_base", vision_tower=str(folder / "tower"),
                             projector=str(folder / "projector" / "mm_projector.safetensors"))
        session = library.make("session_create", model, None)
        library.words(session)
        cut(folder / file)
        refused(library.computing(model, session), pathlib.Path(file).name, "changed from")


def a_cut_adapter(folder):
    library = Library()
    shutil.copytree(CHECKPOINTS / "lora_hub", folder / "lora")
    model = library.load(CHECKPOINTS / "hf_rows", adapter=str(folder / "lora"))
    session = library.make("session_create", model, None)
    library.words(session)
    (file,) = (folder / "lora").glob("adapter_model.*")
    cut(file)
    refused(library.computing(model, session), file.name, "changed from")
    assert library.c.llava_adapter_detach(model) == OK
    assert {status for status, _ in library.computing(model, session).values()} == {OK}, "without it the model is as good as before"


def nothing_is_mapped(folder):
    library = Library()
    shutil.copytree(CHECKPOINTS / "lora_hub", folder / "lora")
    shutil.copytree(CHECKPOINTS / "hf_rows", folder / "rows")
    model = library.load(folder / "rows", adapter=str(folder / "lora"), no_mmap=True)
    before = library.words(library.make("session_create", model, None))
    for file in (folder / "rows" / "model.safetensors", *(folder / "lora").glob("adapter_model.*")):
        cut(file)
        os.utime(file, (1, 1))
    session = library.make("session_create", model, None)
    assert library.words(session) == before
    assert {status for status, _ in library.computing(model, session).values()} == {OK}, library.error()
    mapped = pathlib.Path("/proc/self/maps").read_text()
    assert str(folder) not in mapped, mapped


def what_was_converted_needs_no_file(folder):
    library = Library()
    halves = folder.parent / "halves"
    assert library.c.llava_convert(str(folder).encode(), str(halves).encode(), library.options("save", dtype="bf16")) == OK
    model = library.load(halves, dtype="f32")
    session = library.make("session_create", model, None)
    cut(halves / "model.safetensors")
    assert {status for status, _ in library.computing(model, session).values()} == {OK}, library.error()


def replaced_or_removed_does_no_harm(folder):
    library = Library()
    model = library.load(folder)
    before = library.words(library.make("session_create", model, None))
    path = folder / "model.safetensors"
    (folder / "new").write_bytes(b"other")
    os.replace(folder / "new", path)
    assert library.words(library.make("session_create", model, None)) == before
    path.unlink()
    assert library.words(library.make("session_create", model, None)) == before


def a_relative_path_and_another_folder(folder):
    library = Library()
    os.chdir(folder.parent)
    model = library.load(folder.name)
    os.chdir("/")
    cut(folder / "model.safetensors")
    refused(library.computing(model, library.make("session_create", model, None)), "model.safetensors", "changed from")


class ChangedFiles(unittest.TestCase):
    """Every case starts a process of its own."""


def test_of(work):
    def test(self):
        with tempfile.TemporaryDirectory() as folder:
            model = shutil.copytree(GOLDEN / "tiny", pathlib.Path(folder, "model"))
            child = multiprocessing.get_context("fork").Process(target=work, args=(model,))
            child.start()
            child.join(60)
            self.assertEqual(child.exitcode, 0)
    return test


for case in (a_cut_shard, a_shard_that_is_written_to, a_cut_tower_and_a_cut_projector, a_cut_adapter, nothing_is_mapped,
             what_was_converted_needs_no_file, replaced_or_removed_does_no_harm, a_relative_path_and_another_folder):
    setattr(ChangedFiles, f"test_{case.__name__}", test_of(case))

if __name__ == "__main__":
    unittest.main()
