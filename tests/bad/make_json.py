"""Makes tests/bad/json: texts after RFC 8259, clause by clause, what must be refused and what must be taken, and expected.tsv.

usage: make_json.py                   (standard library only; two machines make the same bytes)

A line of expected.tsv is `file <TAB> status <TAB> piece of the message`. The first number of a name is the RFC's section; `own`
stands for rules beyond it: duplicate names (which section 4 only advises against), depth, numbers that would be rounded to infinity
or to another integer, NUL and byte-order marks.
"""
import pathlib

HERE = pathlib.Path(__file__).parent / "json"
cases = {}


def case(name, text, status, piece=""):
    assert name not in cases, name
    cases[name] = (text if isinstance(text, bytes) else text.encode(), status, piece)


def bad(name, text, piece, status="FORMAT"):
    case(name, text, status, piece)


def good(name, text):
    case(name, text, "OK")


def section_2_grammar():
    bad("2-empty", "", "byte 0: syntax error while parsing value - unexpected end of input")
    bad("2-blanks-alone", " \t\r\n", "byte 4: syntax error while parsing value - unexpected end of input")
    for name, blank in [("blank", " "), ("tab", "\t"), ("line-feed", "\n"), ("carriage-return", "\r")]:
        good(f"2-{name}-everywhere", blank.join(["", "{", '"a"', ":", "[", "1", ",", "2", "]", ",", '"b"', ":", "null", "}", ""]))
    for name, text in [("form-feed", "\f1"), ("vertical-tab", "\v1"), ("no-break-space", "\u00a01"), ("line-separator", "\u20281"),
                       ("ideographic-space", "\u30001"), ("next-line", "\u00851"), ("zero-width-space", "\u200b1"), ("backspace", "\b1"),
                       ("delete", "\x7f1"), ("bell", "\a1")]:
        bad(f"2-{name}-is-no-blank", text, "while parsing value - invalid literal")
    for name, text in [("two-values", "1 2"), ("two-objects", "{}{}"), ("two-arrays", "[] []"), ("comma-after", "{},"), ("bracket-after", "[]]"),
                       ("brace-after", "{}}"), ("colon-after", '"a":'), ("object-after-string", '"a"{}')]:
        bad(f"2-{name}", text, "expected end of input")
    for name, text in [("comment-line", "1 // one"), ("comment-block", "1 /* one */"), ("hash-comment", "1 # one"), ("semicolon", "1;")]:
        bad(f"2-{name}", text, "invalid literal")
    bad("2-comment-first", "/* none */ 1", "byte 1: syntax error while parsing value - invalid literal; last read: '/'")
    for text, name in [("]", "close-bracket"), ("}", "close-brace"), (",", "comma"), (":", "colon")]:
        bad(f"2-{name}-alone", text, f"unexpected '{text}'")


def section_3_values():
    for text in ["true", "false", "null", "0", '""', "[]", "{}"]:
        good("3-" + {"0": "zero", '""': "string", "[]": "array", "{}": "object"}.get(text, text), text)
    for text in ["True", "FALSE", "Null", "undefined", "None", "yes", "t", "f", "n"]:
        bad(f"3-literal-{'small' if text.islower() else 'capital'}-{text.lower()}", text, f"invalid literal; last read: '{text[0]}'")
    for text, read in [("nul", "nul"), ("tru", "tru"), ("nil", "ni"), ("falze", "falz")]:
        bad(f"3-literal-{text}", text, f"byte {len(read)}: syntax error while parsing value - invalid literal; last read: '{read}'")
    for text, at in [("truee", 5), ("nulll", 5), ("falsefalse", 10)]:
        bad(f"3-literal-{text}", text, f"byte {at}: syntax error")
    for text in ["NaN", "Infinity", "-Infinity", "nan", "inf", "+Infinity"]:
        bad(f"3-{'lower' if text.islower() else 'as'}-{text.lower().replace('+', 'plus-').replace('-inf', 'minus-inf')}", text, "invalid")
    bad("3-bare-word", "llava", "last read: 'l'")
    bad("3-backquotes", "`a`", "last read: '`'")
    bad("3-single-quotes", "'a'", "last read: '''")


def section_4_objects():
    for name, text, piece in [("open", "{", "byte 1: syntax error while parsing object key - unexpected end of input"), ("open-after-key", '{"a"', "object separator"),
                              ("open-after-colon", '{"a":', "byte 5"), ("open-after-value", '{"a":1', "expected '}'"), ("open-after-comma", '{"a":1,', "byte 7"),
                              ("comma-trailing", '{"a":1,}', "expected string literal"), ("comma-first", '{,"a":1}', "unexpected ','"),
                              ("comma-double", '{"a":1,,"b":2}', "byte 8"), ("comma-missing", '{"a":1 "b":2}', "unexpected string literal"),
                              ("comma-alone", "{,}", "byte 2"), ("colon-missing", '{"a" 1}', "expected ':'"), ("colon-double", '{"a"::1}', "unexpected ':'"),
                              ("colon-is-comma", '{"a",1}', "unexpected ','; expected ':'"), ("colon-is-equals", '{"a"=1}', "last read: '\"a\"='"),
                              ("value-missing", '{"a":}', "unexpected '}'"), ("value-missing-then-comma", '{"a":,"b":1}', "byte 6"), ("key-number", "{1:2}", "unexpected number literal"),
                              ("key-null", "{null:1}", "unexpected null literal"), ("key-true", "{true:1}", "unexpected true literal"),
                              ("key-array", "{[]:1}", "unexpected '['"), ("key-object", "{{}:1}", "unexpected '{'"), ("key-bare", "{a:1}", "last read: '{a'"),
                              ("key-single-quoted", "{'a':1}", "last read: '{''"), ("key-alone", '{"a"}', "byte 5"), ("closed-by-bracket", '{"a":1]', "unexpected ']'"),
                              ("double-open", "{{", "byte 2")]:
        bad(f"4-{name}", text, piece)
    good("4-empty-key", '{"":0}')
    good("4-keys-differ-in-case", '{"a":0,"A":1}')
    good("4-keys-differ-in-normal-form", '{"é":0,"é":1}'.replace("é", "\u00e9", 1).replace("é", "e\u0301", 1))
    good("4-same-key-in-two-objects", '{"a":{"b":1},"c":{"b":1}}')
    bad("own-duplicate", '{"a":1,"a":1}', 'byte 10: the key "a" stands twice in one object')
    bad("own-duplicate-empty", '{"":1,"":1}', 'the key "" stands twice')
    bad("own-duplicate-escaped", '{"b":1,"\\u0062":1}', 'the key "b" stands twice')
    bad("own-duplicate-not-beside", '{"c":1,"d":2,"e":{},"c":1}', 'the key "c" stands twice')
    bad("own-duplicate-inside", '{"x":[{"f":1,"f":1}]}', 'the key "f" stands twice')
    bad("own-duplicate-of-an-object", '{"g":{"a":1},"g":{"b":1}}', 'the key "g" stands twice')
    bad("own-duplicate-control-character", '{"\\n":1,"\\n":1}', 'the key "\\x0a" stands twice')


def section_5_arrays():
    for name, text, piece in [("open", "[", "byte 1"), ("open-after-value", "[1", "expected ']'"), ("open-after-comma", "[1,", "byte 3"),
                              ("comma-trailing", "[1,]", "byte 4: syntax error while parsing value - unexpected ']'"), ("comma-first", "[,1]", "byte 2"),
                              ("comma-double", "[1,,2]", "byte 4: syntax error while parsing value - unexpected ','"), ("comma-alone", "[,]", "unexpected ','"),
                              ("comma-missing", "[1 2]", "unexpected number literal"), ("colon", '["a":1]', "unexpected ':'"), ("closed-by-brace", "[1}", "unexpected '}'"),
                              ("open-in-open", "[[1]", "byte 4"), ("star", "[*]", "last read: '[*'"), ("string-open", '["a', "missing closing quote"),
                              ("only-quote", '["]', "byte 3")]:
        bad(f"5-{name}", text, piece)
    good("5-mixed", '[1,"a",true,null,{},[],-2.5e3]')
    good("5-nested-empty", "[[[]],[[],[]]]")


def section_6_numbers():
    for text in ["0", "-0", "1", "-1", "10", "1234567890", "0.5", "-0.0", "1.5", "1e5", "1E5", "1e+5", "1e-5", "1.5e3", "0e0", "0E-0", "1e308", "1.7976931348623157e308",
                 "5e-324", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e-400", "-1e-400", "123.456789012345678901234567890"]:
        good(f"6-{text}", text)
    for text, piece in [("01", "expected end of input"), ("-01", "expected end of input"), ("00", "expected end of input"), ("+1", "invalid literal"), ("-", "expected digit after '-'"),
                        ("--1", "expected digit after '-'"), ("1.", "expected digit after '.'"), ("1.e5", "expected digit after '.'"), (".5", "invalid literal"), ("-.5", "expected digit after '-'"),
                        ("1e", "expected '+', '-', or digit after exponent"), ("1e+", "expected digit after exponent sign"), ("1E-", "expected digit after exponent sign"),
                        ("1e1.5", "invalid literal"), ("1.2.3", "invalid literal"), ("1e5e5", "invalid literal"), ("0x10", "invalid literal"), ("0b1", "invalid literal"), ("1_000", "invalid literal"),
                        ("1,5", "expected end of input"), ("1 000", "expected end of input"), ("1f", "invalid literal"), ("1L", "invalid literal"), ("0.", "expected digit after '.'"), ("-a", "digit after '-'"),
                        ("٣", "invalid literal"), ("１", "invalid BOM"), ("1e٣", "after exponent"), ("∞", "invalid literal")]:
        name = text if text.isascii() else "-".join(f"u{ord(c):04x}" for c in text)
        bad(f"6-bad-{name.replace(' ', '-blank-')}", text, piece)
    for text in ["1e309", "-1e309", "1e999", "1" + "0" * 400 + ".0", "1e18446744073709551616"]:
        bad(f"own-overflow-{text if len(text) < 40 else 'digits'}", text, "does not fit a double")
    for name, text in [("2-64", str(2**64)), ("minus-2-63-1", str(-2**63 - 1)), ("2-128", str(2**128)), ("30-nines", "9" * 30)]:
        bad(f"own-integer-{name}", text, f"the integer {text[:40]} does not fit 64 bits")
    bad("own-integer-of-500-digits", "7" * 500, "does not fit")
    bad("own-number-of-2000-digits", "0." + "3" * 2000, "a number of 2002 characters, at most 1024", "LIMIT")
    good("own-number-of-1024-characters", "0." + "3" * 1022)


def section_7_strings():
    for name, text in [("escapes", '"\\"\\\\\\/\\b\\f\\n\\r\\t"'), ("unicode-escape", '"\\u00e9\\u00E9"'), ("surrogate-pair", '"\\ud83e\\udd99"'), ("nul-escaped", '"\\u0000"'),
                       ("delete-raw", '"\x7f"'), ("separators-raw", '"\u2028\u2029"'), ("noncharacter", '"\ufffe\uffff"'), ("noncharacter-escaped", '"\\uFFFF"'),
                       ("emoji", '"🦙"'), ("last-code-point", '"\U0010ffff"'), ("last-code-point-escaped", '"\\udbff\\udfff"'), ("slash-unescaped", '"/"'), ("c1-control", '"\u0080\u009f"'),
                       ("bidi", '"\u202e\u2066"'), ("byte-order-mark-inside", '"\ufeff"')]:
        good(f"7-{name}", text)
    for code in range(0x01, 0x20):
        bad(f"7-control-{code:02x}", b'"' + bytes([code]) + b'"', f"control character U+{code:04X}")
    for name, text, piece in [("open", '"', "byte 1: syntax error while parsing value - invalid string: missing closing quote"), ("open-after-text", '"abc', "byte 4"), ("open-after-escape", '"\\', "invalid string"),
                              ("open-after-quote", '"\\"', "byte 3"), ("escape-x", '"\\x41"', "last read: '\"\\x'"), ("escape-a", '"\\a"', "last read: '\"\\a'"), ("escape-v", '"\\v"', "last read: '\"\\v'"),
                              ("escape-zero", '"\\0"', "last read: '\"\\0'"), ("escape-quote", "\"\\'\"", "last read: '\"\\''"), ("escape-capital-u", '"\\U00e9"', "last read: '\"\\U'"), ("escape-line-feed", '"\\\n"', "invalid string"),
                              ("escape-of-a-letter-e-acute", '"\\é"', "invalid string"), ("unicode-of-3", '"\\u00e"', "must be followed by 4 hex digits"), ("unicode-of-0", '"\\u"', "byte 4"),
                              ("unicode-not-hex", '"\\u00g0"', "must be followed by 4 hex digits; last read: '\"\\u00g'"), ("unicode-signed", '"\\u+123"', "last read: '\"\\u+'"), ("unicode-blank", '"\\u 123"', "last read: '\"\\u '"),
                              ("lone-high-surrogate", '"\\ud800"', "must be followed by U+DC00..U+DFFF"), ("lone-low-surrogate", '"\\udc00"', "must follow U+D800..U+DBFF"),
                              ("high-then-letter", '"\\ud800a"', "last read: '\"\\ud800a'"), ("high-then-high", '"\\ud800\\ud800"', "last read: '\"\\ud800\\ud800'"), ("high-then-escape", '"\\ud800\\n"', "last read: '\"\\ud800\\n'"),
                              ("low-then-high", '"\\udfff\\ud800"', "last read: '\"\\udfff'"), ("high-cut", '"\\ud800\\u"', "4 hex digits"), ("high-at-the-end", '"\\udbff', "byte 7")]:
        bad(f"7-{name}", text, piece)
    bad("7-lone-surrogate-in-a-key", '{"\\udc80":1}', "while parsing object key")


def section_8_encoding():
    for name, raw, at in [("ff", b'"\xff"', 1), ("fe", b'["\xfe"]', 2), ("continuation", b'"ab\x80"', 3), ("two-cut", b'"abc\xc3"', 4), ("three-cut", b'"abcd\xe2\x82"', 5), ("four-cut", b'"abcde\xf0\x9f\xa6"', 6),
                          ("overlong-slash", b'"abcdef\xc0\xaf"', 7), ("overlong-2", b'"abcdefg\xc1\xbf"', 8), ("overlong-3", b'"abcdefgh\xe0\x9f\xbf"', 9), ("overlong-4", b'"abcdefghi\xf0\x8f\xbf\xbf"', 10),
                          ("overlong-nul", b'"abcdefghij\xc0\x80"', 11), ("surrogate-low-end", b'"abcdefghijk\xed\xa0\x80"', 12), ("surrogate-high-end", b'"abcdefghijkl\xed\xbf\xbf"', 13),
                          ("surrogate-pair", b'"abcdefghijklm\xed\xa0\xbe\xed\xb6\x99"', 14), ("above", b'"abcdefghijklmn\xf4\x90\x80\x80"', 15), ("f5", b'"abcdefghijklmno\xf5\x80\x80\x80"', 16), ("five-bytes", b'"abcdefghijklmnop\xf8\x88\x80\x80\x80"', 17),
                          ("latin-1", "{\"größe-in-latin\": 1}".encode("latin-1"), 4), ("outside-a-string", b"[1, \xff]", 4), ("at-the-end", b'{"abcdefghijklmnopqr": 1}\xff', 25), ("at-the-start", b"\xff{}", 0)]:
        bad(f"8-{name}", raw, f"byte {at + 1}: not UTF-8")
    for name, codec in [("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("utf-32-le", "utf-32-le")]:
        bad(f"8-{name}", "[1]".encode(codec) if name != "utf-32-le" else "[[1]]".encode(codec)[1:], "a NUL byte")
    bad("8-utf-16-with-mark", "[1]".encode("utf-16"), "byte 1: not UTF-8")
    bad("own-byte-order-mark", b"\xef\xbb\xbf{}", "begins with a byte-order mark")
    bad("own-byte-order-mark-later", b" \xef\xbb\xbf{}", "invalid literal")
    for name, raw, at in [("after", b"{}\0", 2), ("after-then-text", b"1\0garbage", 1), ("in-a-string", b'"abc\0"', 4), ("alone", b"\0", 0), ("between", b'{"abcde"\0:1}', 8)]:
        bad(f"own-nul-{name}", raw, f"byte {at + 1}: a NUL byte")


def depth():
    good("own-depth-64", "[" * 64 + "]" * 64)
    good("own-depth-64-objects", '{"a":' * 63 + "{}" + "}" * 63)
    bad("own-depth-65", "[" * 65 + "]" * 65, "byte 65: values are nested deeper than 64 levels", "LIMIT")
    bad("own-depth-65-objects", '{"a":' * 65 + "1" + "}" * 65, "byte 321: values are nested deeper", "LIMIT")
    bad("own-depth-65-mixed", '[{"a":' * 33 + "1" + "}]" * 33, "nested deeper than 64 levels", "LIMIT")
    bad("own-depth-50000-brackets", " " + "[" * 50000, "byte 66: values are nested deeper than 64", "LIMIT")


def main():
    for make in (section_2_grammar, section_3_values, section_4_objects, section_5_arrays, section_6_numbers, section_7_strings, section_8_encoding,
                 depth):
        make()
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.json"):
        old.unlink()
    rows = []
    for name, (content, status, piece) in sorted(cases.items()):
        (HERE / f"{name}.json").write_bytes(content)
        rows.append(f"{name}.json\t{status}\t{piece}\n")
    (HERE / "expected.tsv").write_text("".join(rows), encoding="utf-8")
    print(len(cases), "files,", sum(status != "OK" for _, status, _ in cases.values()), "of them bad")


if __name__ == "__main__":
    main()
