"""Random texts that try a tokenizer: ten scripts, emoji, marks, control characters, odd blanks, names of special tokens.

All words are made up from the alphabets below, by the generator given; nothing is copied from anywhere.
"""

SCRIPTS = {
    "latin": "etaoinshrdlucmfwypvbgkjqxz" * 3 + "ETAOINSHRD" + "éèüöäßñçåøæœłşğıİǅ",
    "cyrillic": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёґіїѓ" + "ОЕАИНТС",
    "greek": "αεηιουωσςτνρκλπμγδθφχψξζβά" + "ΑΕΗΙΟΥΩ" + "ἀᾳῷὕ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתםןךףץ" + "שִׁבָּ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويةىآأؤئ" + "ًٌٍَُِّْ" + "پچگی",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह" + "ािीुूेैोौ्ंँः" + "क़",
    "thai": "กขคงจชซญดตถทธนบปผพฟภมยรลวศษสหอฮ" + "ะาิีึืุูเแโใไ" + "่้๊๋์ำ",
    "hangul": "가나다라마바사아자차카타파하한국말글씨우리집물불" + "ᄒᆞᆫ가" + "ㄱㅏ",
    "han": "的一是不了人我在有他这中大来上国说们为子和你地出道也时年得就那要下以生会自着去之过家学對東車語龍" + "㐀𠀀𪜀",
    "kana": "あいうえおかきくけこさしすせそたちつてとなにぬねのアイウエオカキクケコがぎガギー" + "か\u3099",
}
DIGITS = "0123456789" * 4 + "٠١٢٣०१२३๐๑๒½²Ⅷ⑦一𝟘"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧", "🇩🇪", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🧑🏿‍🚀", "☃", "🫠", "⌚"]
BLANKS = [" "] * 12 + ["  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u2009", "\u2028", "\u0085",
                       "\u200b", "\u180e", "\ufeff", "\x0b", "\x0c", "\x1c", "\r", " \t ", "        ", "\n \n  \n"]
SIGNS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "--", "'s", "'S", "'t", "'ll", "'LL", "'ve", "'Re", "'\u017f", "’s", "“", "”",
                                                     "…", "–", "¿", "।", "،", "؟", "。", "、", "「", "」", "€", "₹", "∑", "→", "▁", "▁▁", "�"]
MARKS = list("\u0300\u0301\u0302\u0303\u0308\u030a\u0323\u0327\u0331\u0345\u0361\u05b0\u05b4\u064b\u0651\u093c\u3099\u20dd\u1dfa\u1ab5")
NAMES = ["<s>", "</s>", "<unk>", "<image>", "<pad>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<0x0A>", "<0xFF>",
         "[INST]", "[/INST]", "USER:", "ASSISTANT:", "###", "<tool>", "<tool>ed", "[note]", "héllo", "he\u0301llo", "<im_start>", "</tool>"]


def word(random, script):
    letters = SCRIPTS[script]
    text = "".join(random.choice(letters) for _ in range(random.randint(1, 8)))
    if random.random() < 0.12:
        at = random.randrange(len(text) + 1)
        text = text[:at] + "".join(random.choice(MARKS) for _ in range(random.randint(1, 4))) + text[at:]
    if random.random() < 0.08:
        text = text.upper()
    return text


def any_code_point(random):
    kind = random.random()
    if kind < 0.3:
        return chr(random.randrange(0x20, 0x3000))
    if kind < 0.4:
        return chr(random.randrange(0x00, 0x20))
    if kind < 0.7:
        code = random.randrange(0x3000, 0x10000)
        return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"
    return chr(random.randrange(0x10000, 0x32000 if kind < 0.95 else 0x110000))


def piece(random, script):
    kind = random.random()
    if kind < 0.62:
        return word(random, script)
    if kind < 0.72:
        return "".join(random.choice(DIGITS) for _ in range(random.randint(1, 7)))
    if kind < 0.84:
        return random.choice(SIGNS)
    if kind < 0.89:
        return random.choice(EMOJI)
    if kind < 0.94:
        return random.choice(NAMES)
    return "".join(any_code_point(random) for _ in range(random.randint(1, 4)))


def fuzz_text(random):
    script = random.choice(list(SCRIPTS))
    parts = [random.choice(BLANKS)] if random.random() < 0.2 else []
    for _ in range(random.randint(1, 9)):
        if random.random() < 0.15:
            script = random.choice(list(SCRIPTS))
        parts.append(piece(random, script))
        if random.random() < 0.75:
            parts.append(random.choice(BLANKS))
    if random.random() < 0.8 and parts[-1] in BLANKS:
        parts.pop()
    return "".join(parts)


def corpus(random, lines):
    """Lines for training: few words, said often, so that merges are learned in every script."""
    lexicon = {script: [word(random, script) for _ in range(60)] for script in SCRIPTS}
    weights = [1 / (i + 1) for i in range(60)]
    for _ in range(lines):
        script = random.choice(list(SCRIPTS) + ["latin"] * 6)
        words = random.choices(lexicon[script], weights, k=random.randint(3, 12))
        if random.random() < 0.3:
            words.insert(random.randrange(len(words)), "".join(random.choice("0123456789") for _ in range(random.randint(1, 4))))
        text = " ".join(words) if script not in ("han", "kana", "thai") else "".join(words)
        yield text + random.choice([".", "!", "?", ",", "\n", " \n\n", "  ", "'s", ""])
