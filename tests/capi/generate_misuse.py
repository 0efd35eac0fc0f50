"""Writes the misuse tests that follow from the headers alone: each function x each argument x each wrong value.

usage: generate_misuse.py HEADER_FOLDER OUTPUT_FOLDER PARTS

A function's proper call comes from the tables below, by argument; a function or argument that the tables do not know ends the
build, so a new function cannot lack its tests. The checks themselves are in misuse.hpp.
"""
import pathlib
import sys

import headers

KINDS = ["string", "buffer", "cancel", "image", "model", "tensor", "embedding", "message", "decoder", "session", "stream",
         "event", "response", "adapter", "report", "trainer"]
BAD = "LLAVA_ERR_INVALID_ARGUMENT"
HUGE = "INT32_MIN", BAD

# Functions that have nothing to refuse, or that would end the use of the library; tested by hand.
SKIPPED = {"llava_shutdown", "llava_last_error", "llava_last_error_status", "llava_clear_error", "llava_version",
           "llava_version_number", "llava_abi_version", "llava_build_info_json", "llava_device_count", "llava_device_bandwidth",
           "llava_template_count", "llava_status_name", "llava_status_is_retryable", "llava_finish_reason_name"}

# Arguments that may be NULL.
MAY_BE_NULL = {("llava_chat", "message"), ("llava_chat_start", "message"), ("llava_ask", "image"), ("*", "cancel_option"),
               ("*", "keep"), ("*", "size"), ("llava_log_set", "log")}

# Proper values by "function.argument", else by argument. Expressions see `f`, the fixture.
GOOD = {
    "llava_load.path": "f.model_path.c_str()", "llava_load_plan.path": "f.model_path.c_str()",
    "llava_dataset_check.path": "f.data_path.c_str()", "model_path": "f.model_path.c_str()",
    "out_dir": "f.run_path.c_str()",
    "llava_convert.path": "f.model_path.c_str()", "target": "f.fresh_target()",
    "llava_merge_delta.path": 'LLAVA_TEST_DATA "/checkpoints/golden/v0_base"',
    "llava_merge_delta.delta": 'LLAVA_TEST_DATA "/checkpoints/golden/v0_delta"', "llava_image_from_file.path": "f.picture_path.c_str()",
    "llava_embedding_save.path": "f.embedding_path.c_str()", "llava_embedding_load.path": "f.embedding_path.c_str()",
    "llava_adapter_load.path": "f.adapter_path.c_str()", "scale": "1", "llava_session_save.path": "f.session_path.c_str()", "llava_session_load.path": "f.session_path.c_str()",
    "llava_message_from_json.json": '"{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"}"',
    "llava_session_from_json.json": '"[{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"}]"', "json": '"{}"',
    "llava_device_parse.text": '"cpu"', "text": '"hi"', "name": '"chat"', "uri": "f.uri.c_str()",
    "bytes": "f.picture_bytes.data()", "llava_image_from_memory.size": "f.picture_bytes.size()",
    "llava_image_probe.size": "f.picture_bytes.size()", "size": "2", "pixels": "f.pixels", "width": "2", "height": "2",
    "stride": "0", "format": "LLAVA_PIXELS_RGB24", "data": "f.numbers", "dtype": "LLAVA_DTYPE_F32", "shape": "f.shape",
    "rank": "2", "llava_tokenize.ids": "nullptr", "llava_tokenize_n.ids": "nullptr", "llava_prompt_ids.ids": "nullptr",
    "llava_response_tokens.ids": "nullptr", "ids": "f.ids", "id_count": "3", "llava_detokenize.count": "3",
    "count": "1", "embedding_count": "0", "embeddings": "nullptr", "images": "f.image_list", "messages": "f.message_list",
    "capacity": "0", "buffer": "nullptr", "dst": "nullptr", "device": "0", "level": "LLAVA_LOG_OFF", "role": "LLAVA_ROLE_USER",
    "flags": "0", "kind": "LLAVA_TOKEN_BOS", "id": "5", "index": "0", "part": "0", "turn": "0", "turns": "0",
    "threads": "f.threads", "timeout_ms": "-1", "header_abi": "LLAVA_ABI_VERSION", "log": "nullptr", "user_data": "nullptr",
    "destroy": "nullptr", "llava_train_plan.options": "f.train_options()", "llava_train_stage.options": "f.train_options()",
    "llava_trainer_create.options": "f.train_options()", "llava_train_launch.options": "f.train_options()", "options": "nullptr", "steps": "1", "on": "0",
    "llava_trainer_next_event.timeout_ms": "0", "llava_report_number.name": '"steps"',
}

# Wrong numbers by "function.argument", else by argument: (value, status).
WRONG = {
    "llava_template_name.index": [("-1", BAD), ("99", BAD), ("INT32_MAX", BAD), HUGE],
    "llava_trim.device": [("-2", BAD), ("99", BAD), HUGE], "device": [("-1", BAD), ("99", BAD), HUGE],
    "level": [("-1", BAD), ("5", BAD), HUGE], "role": [("-1", BAD), ("3", BAD), HUGE],
    "format": [("-1", BAD), ("7", BAD), HUGE], "dtype": [("0", BAD), ("-1", BAD), ("4", BAD), HUGE],
    "kind": [("-1", BAD), ("5", BAD), HUGE], "flags": [("2", BAD), ("1 << 30", BAD), HUGE],
    "id": [("-1", BAD), ("1 << 30", BAD), HUGE], "index": [("-1", BAD), ("9", BAD), ("INT32_MAX", BAD), HUGE],
    "part": [("-1", BAD), ("9", BAD), ("INT32_MAX", BAD), HUGE], "turn": [("-1", BAD), ("9", BAD), HUGE],
    "turns": [("-1", BAD), ("9", BAD), HUGE], "threads": [("0", BAD), ("-1", BAD), ("1025", BAD), HUGE],
    "timeout_ms": [("-2", BAD), ("INT64_MIN", BAD)], "width": [("0", BAD), ("-1", BAD), ("65536", "LLAVA_ERR_LIMIT"), HUGE],
    "height": [("0", BAD), ("-1", BAD), ("65536", "LLAVA_ERR_LIMIT"), HUGE],
    "stride": [("1", BAD), ("-1", BAD), ("5", BAD), ("INT64_MIN", BAD), ("INT64_MAX", BAD)],
    "rank": [("0", BAD), ("-1", BAD), ("9", BAD), HUGE], "header_abi": [("0", "LLAVA_ERR_ABI"), ("-1", "LLAVA_ERR_ABI"), ("99", "LLAVA_ERR_ABI")],
    "struct_size": [("0", BAD), ("4", BAD), ("good - 1", BAD), ("65537", BAD), ("SIZE_MAX", BAD)],
    "count": [("0", BAD), ("-1", BAD), HUGE], "id_count": [("0", BAD), ("-1", BAD), ("INT64_MAX", "LLAVA_ERR_LIMIT"), ("INT64_MIN", BAD)],
    "embedding_count": [("-1", BAD), ("1", BAD), HUGE], "capacity": [("1", BAD)],
    "llava_image_from_memory.size": [("0", BAD), ("1", "LLAVA_ERR_FORMAT"), ("8", "LLAVA_ERR_FORMAT")],
    "llava_image_probe.size": [("0", BAD), ("1", "LLAVA_ERR_FORMAT"), ("8", "LLAVA_ERR_FORMAT")],
    "size": [("(size_t{1} << 20) + 1", "LLAVA_ERR_LIMIT"), ("SIZE_MAX", "LLAVA_ERR_LIMIT")],
    "llava_detokenize.count": [("SIZE_MAX", "LLAVA_ERR_LIMIT")],
    "scale": [("NAN", BAD), ("INFINITY", BAD), ("-INFINITY", BAD), ("1.1e6f", BAD)],
    "steps": [("0", BAD), ("-1", BAD), ("INT64_MIN", BAD)], "on": [("-1", BAD), ("2", BAD), HUGE],
    "status": [], "reason": [],
}

# Texts that are no UTF-8, whatever the function.
NOT_UTF8 = ['"\\xED\\xA0\\x80"', '"\\xC0\\x80"', '"a\\xE2\\x82"', '"\\xFF"', '"\\xF4\\x90\\x80\\x80"']
PATHS = {"path", "delta", "target", "model_path", "out_dir"}
FRESH = {"session", "stream", "decoder", "message", "cancel"}
FILLED = ("_desc *", "_usage *", "_metrics *", "llava_limits *")
TRAINING = "llava_train_options"  # must name data and a folder


def lookup(table, function, argument, what):
    for key in (f"{function.name}.{argument.name}", argument.name):
        if key in table:
            return table[key]
    raise SystemExit(f"generate_misuse.py: {function.name}({argument.type} {argument.name}) has no {what}")


def handle_kind(kind):
    """"image" for "llava_image *" and "const llava_image *", else None."""
    name = kind.replace("const ", "").replace("llava_", "").removesuffix(" *")
    return name if name in KINDS and kind.endswith(" *") else None


def is_out_handle(argument):
    return argument.type.endswith(" **") and argument.type.startswith("llava_")


def is_filled(argument):
    return not argument.type.startswith("const") and (argument.type.endswith(FILLED) or argument.type == "llava_limits *")


def is_options(argument):
    return argument.type.startswith("const llava_") and argument.type.endswith("_options *")


def is_target_options(argument):
    return argument.type.startswith("llava_") and argument.type.endswith("_options *")


def is_number_out(argument):
    return argument.type in ("size_t *", "int64_t *", "double *", "llava_status *", "const char **", "const void **") or \
        argument.type == "int32_t *" and argument.name in ("out", "id")


def may_be_null(function, argument):
    return (function.name, argument.name) in MAY_BE_NULL or ("*", argument.name) in MAY_BE_NULL or \
        argument.name == "cancel" and not function.name.startswith("llava_cancel_")


class Writer:
    """The test code of one function."""

    def __init__(self, function):
        self.function = function
        self.struct = "A_" + function.name
        self.lines = []
        self.count = 0

    def member(self, argument):
        """Declaration of an argument in the struct of a call, with its proper value."""
        name, kind = argument.name, handle_kind(argument.type)
        if kind:
            if argument.name == "cancel" and not self.function.name.startswith("llava_cancel_"):
                return f"{argument.type}{name} = nullptr;", ""
            if self.function.name.endswith("_free"):
                return f"{argument.type}{name} = nullptr; ", ""
            fresh = kind in FRESH
            return (f"Owned<llava_{kind}> {name}_owner{{f.fresh(f.{kind})}}; {argument.type}{name} = {name}_owner.handle;"
                    if fresh else f"{argument.type}{name} = f.{kind};"), ""
        if is_out_handle(argument):
            base = argument.type[:-1]
            if self.function.name == "llava_encode_images":
                return f"{base}{name}_value[1] = {{f.poison<{base[:-2]}>()}}; {argument.type}{name} = {name}_value;", f"{name}_value[0]"
            return f"{base}{name}_value = f.poison<{base[:-2]}>(); {argument.type}{name} = &{name}_value;", f"{name}_value"
        if is_filled(argument):
            base = argument.type[:-2]
            return f"Sized<{base}> {name}_value; {argument.type}{name} = {name}_value.get();", ""
        if is_target_options(argument):
            base = argument.type[:-2]
            return f"Sized<{base}> {name}_value; {argument.type}{name} = {name}_value.get();", ""
        if is_number_out(argument):
            base = argument.type[:-1].strip()
            start = '"poison"' if base in ("const char *", "const void *") else "77"
            return f"{base} {name}_value = {start}; {argument.type}{name} = &{name}_value;", f"{name}_value"
        if name == "struct_size":
            base = next(a for a in self.function.arguments if is_target_options(a)).type[:-2]
            return f"static constexpr size_t good = sizeof({base}); size_t {name} = good;", ""
        if is_options(argument) and self.function.name.endswith("_to_json"):
            base = argument.type.removeprefix("const ").removesuffix(" *")
            return f"{base} {name}_value = defaults<{base}>(); {argument.type}{name} = &{name}_value;", ""
        value = lookup(GOOD, self.function, argument, "proper value")
        return f"{argument.type}{' ' if argument.type[-1] != '*' else ''}{name} = {value};", ""

    def write_struct(self):
        outputs = []
        self.lines.append(f"struct {self.struct} {{\n  explicit {self.struct}(Fixture& fixture) : f(fixture) {{}}\n  Fixture& f;")
        for argument in self.function.arguments:
            text, output = self.member(argument)
            self.lines.append("  " + text)
            if output:
                outputs.append((argument.name, output))
        names = ", ".join(a.name for a in self.function.arguments)
        self.lines.append(f"  static constexpr bool kStatus = {str(self.function.result == 'llava_status').lower()};")
        self.lines.append(f"  {self.function.result} call() {{ return {self.function.name}({names}); }}")
        if self.function.name.endswith("_free"):  # the proper call frees a reference of its own
            kind = handle_kind(self.function.arguments[0].type)
            self.lines.append(f"  void prepare() {{ {names} = f.fresh(f.{kind}); }}")
        elif self.function.name == "llava_adapter_detach":  # there must be something to detach
            self.lines.append("  void prepare() { must(llava_adapter_attach(f.model, f.adapter, 1) == LLAVA_OK); }")
        else:
            self.lines.append("  void prepare() {}")
        cleared = " && ".join(f"(!{name} || is_clear({value}))" for name, value in outputs) or "true"
        if self.function.name == "llava_encode_images":  # how many entries to clear is what `count` says
            cleared = "count <= 0 || " + cleared
        released = " ".join(f"if ({name}) release({value});" for name, value in outputs)
        if self.function.name.endswith("_retain"):
            released = f"release({names});"
        if self.function.name == "llava_adapter_attach":
            released = "llava_adapter_detach(f.model);"
        self.lines.append(f"  bool outputs_clear() const {{ return {cleared}; }}\n  void release_outputs() {{ {released} }}\n}};")

    def case(self, what, change, status, argument):
        """One misuse: a proper call with one change."""
        self.count += 1
        text = what.replace('"', "'").replace("\\", "\\\\")
        self.lines.append(f'  misuse<{self.struct}>(f, "{self.function.name}", "{argument}", "{text}", {status}, '
                          f"[]({self.struct}& a, [[maybe_unused]] Fixture& f) {{ {change} (void)a; }});")

    def handle_cases(self, argument, kind):
        name, cast = argument.name, f"({argument.type.strip()})"
        if may_be_null(self.function, argument) or self.function.name.endswith("_free"):
            self.case(f"{name} NULL", f"a.{name} = nullptr;", "LLAVA_OK", name)
        else:
            self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD, name)
        for other in KINDS:
            if other != kind:
                self.case(f"{name} is a llava_{other}", f"a.{name} = {cast}f.{other};", BAD, name)
        self.case(f"{name} freed", f"a.{name} = {cast}f.freed<llava_{kind}>();", BAD, name)
        self.case(f"{name} inside a handle", f"a.{name} = {cast}((char*)f.{kind} + 8);", BAD, name)
        self.case(f"{name} foreign", f"a.{name} = {cast}f.foreign;", BAD, name)

    def struct_cases(self, argument):
        name = argument.name
        self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD, name)
        if is_filled(argument):
            for size in ("0", "4", "sizeof *a.{0} - 1", "65537", "UINT32_MAX"):
                expression = size.format(name)
                self.case(f"{name} struct_size {expression}", f"a.{name}->struct_size = static_cast<uint32_t>({expression});", BAD, name)
            self.case(f"{name} larger", f"a.{name}_value.grow();", "LLAVA_OK", name)

    def options_cases(self, argument):
        name, base = argument.name, argument.type.replace("const ", "").removesuffix(" *")
        own = self.function.name.endswith("_to_json")
        train = base == TRAINING
        self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD if own or train else "LLAVA_OK", name)
        filled = "*s.get() = f.training();" if train else "initialise(*s.get());"
        start = f"Sized<{base}> s; {filled} a.{name} = s.get(); "
        for size in ("0", "1", f"sizeof({base}) - 1"):
            self.case(f"{name} struct_size {size}", f"static {start}s.get()->struct_size = {size};", BAD, name)
        for size in ("65537", "UINT32_MAX"):
            self.case(f"{name} struct_size {size}", f"static {start}s.get()->struct_size = {size};", BAD, name)
        self.case(f"{name} larger, zero tail", f"static {start}s.grow();", "LLAVA_OK", name)
        self.case(f"{name} larger, tail set", f"static {start}s.grow(); s.set_tail();", "LLAVA_ERR_UNSUPPORTED", name)

    def text_cases(self, argument):
        name = argument.name
        sized = self.function.name.endswith("_n")
        self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD, name)
        if name in PATHS:
            self.case(f"{name} empty", f'a.{name} = "";', BAD, name)
            self.case(f"{name} too long", f"a.{name} = f.long_path.c_str();", "LLAVA_ERR_LIMIT", name)
            if name != "target" and not self.function.name.endswith("_save"):
                self.case(f"{name} missing", f'a.{name} = "/nonexistent/llava";', "LLAVA_ERR_NOT_FOUND", name)
            if name == "target":
                self.case("target there already", "a.target = f.folder.c_str();", BAD, name)
                self.case("target in no folder", 'a.target = "/nonexistent/llava/target";', "LLAVA_ERR_IO", name)
            return
        for text in NOT_UTF8:
            length = f" a.size = strlen({text});" if sized else ""
            self.case(f"{name} not UTF-8", f"a.{name} = {text};{length}", BAD, name)
        if name == "json":
            for text in ('"{"', '"[1,"', '""', '"{\\"a\\":1,}"', '"nul"', '"{} {}"', '"{\\"a\\":1e999}"'):
                self.case(f"json broken {text}", f"a.json = {text};", "LLAVA_ERR_FORMAT", name)
            self.case("json too deep", "a.json = f.deep_json.c_str();", "LLAVA_ERR_LIMIT", name)
            wrong = '"[]"' if "options" in self.function.name or "message" in self.function.name else '"{}"'
            self.case("json of another type", f"a.json = {wrong};", BAD, name)

    def list_cases(self, argument):
        name = argument.name
        if argument.type in ("const llava_image *const *", "const llava_message *const *"):
            kind = argument.type.split()[1].removeprefix("llava_")
            self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD, name)
            pieces = [("NULL", "nullptr"), ("freed", f"f.freed<llava_{kind}>()"), ("foreign", f"(llava_{kind}*)f.foreign")]
            pieces += [(f"a llava_{o}", f"(llava_{kind}*)f.{o}") for o in KINDS if o != kind]
            for what, value in pieces:
                self.case(f"{name}[0] {what}", f"static const llava_{kind}* list[1]; list[0] = {value}; a.{name} = list;", BAD, name)
            return
        if argument.type == "const llava_embedding *const *":
            for what, value in [("NULL", "nullptr"), ("freed", "f.freed<llava_embedding>()"), ("an image", "(llava_embedding*)f.image")]:
                change = (f"static const llava_embedding* list[1]; list[0] = {value}; a.{name} = list; a.embedding_count = 1; "
                          "static const int32_t ids[] = {1, LLAVA_IMAGE_TOKEN}; a.ids = ids; a.id_count = 2;")
                self.case(f"{name}[0] {what}", change, BAD, name)
            return
        if argument.type == "const int32_t *":
            self.case("ids NULL", "a.ids = nullptr;", BAD, name)
            for value in ("-1", "1 << 30", "INT32_MIN", "-199"):
                self.case(f"ids[1] {value}", f"static const int32_t list[] = {{1, {value}, 5}}; a.ids = list;", BAD, name)
            return
        self.case(f"{name} NULL", f"a.{name} = nullptr;", BAD, name)
        if name == "shape":
            for text in ("{0, 2}", "{-1, 2}", "{INT64_MAX, 2}", "{INT64_MAX, INT64_MAX}", "{2, INT64_MIN}"):
                self.case(f"shape {text}", f"static const int64_t list[] = {text}; a.shape = list;", BAD, name)

    def argument_cases(self, argument):
        kind = handle_kind(argument.type)
        if kind:
            self.handle_cases(argument, kind)
        elif is_out_handle(argument) or is_number_out(argument):
            status = "LLAVA_OK" if may_be_null(self.function, argument) else BAD
            self.case(f"{argument.name} NULL", f"a.{argument.name} = nullptr;", status, argument.name)
        elif is_filled(argument) or is_target_options(argument):
            self.struct_cases(argument)
        elif is_options(argument):
            self.options_cases(argument)
        elif argument.type == "const char *":
            self.text_cases(argument)
        elif argument.type.endswith("*") and argument.type.startswith("const"):
            self.list_cases(argument)
        elif not argument.type.endswith("*") and not argument.type.endswith("_fn"):
            for value, status in lookup(WRONG, self.function, argument, "wrong values"):
                value = value.replace("good", "a.good")
                self.case(f"{argument.name} {value}", f"a.{argument.name} = {value};", status, argument.name)

    def write(self):
        self.write_struct()
        self.lines.append(f"void run_{self.function.name}(Fixture& f) {{")
        for argument in self.function.arguments:
            self.argument_cases(argument)
        self.count += 1
        self.lines.append(f'  proper<{self.struct}>(f, "{self.function.name}", LLAVA_OK);\n}}')
        return self


def main():
    folder, out, parts = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    writers = [Writer(f).write() for f in headers.functions(folder) if f.name not in SKIPPED]
    out.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        mine = writers[part::parts]
        lines = ["// Generated by tests/capi/generate_misuse.py from include/llava/*.h.", '#include "misuse.hpp"', "namespace {"]
        for writer in mine:
            lines += writer.lines
        lines += ["}  // namespace"]
        for writer in mine:
            lines.append(f'TEST_CASE("misuse of {writer.function.name}: {writer.count} cases") {{ '
                         f"run_{writer.function.name}(fixture()); }}")
        (out / f"misuse_{part}.cpp").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{sum(w.count for w in writers)} misuse cases for {len(writers)} functions")


if __name__ == "__main__":
    main()
