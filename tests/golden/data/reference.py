"""The published rules for prompts, labels and order, written down a second time: what src/data is compared with.

Own writing, from descriptions of LLaVA's training code (release 1.2 and 879ef31), not from src/data. Tokens come from
transformers' slow LlamaTokenizer over the project's test tokenizer, random numbers from torch itself.
"""
import torch

IMAGE, IGNORE = -200, -100
PLACE = "<image>"

HUMAN = ("A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite "
         "answers to the human's questions.")
USER = HUMAN.replace("curious human", "curious user").replace("the human's", "the user's")
VISION = ("You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and "
          "assist the user with a variety of tasks using natural language.")
MPT = ("<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest "
       "answers.")

# template: (rule, system, human, assistant, sep, sep2)
ROWS = {
    "plain": ("plain", "", "", "", "\n", None),
    "vicuna_v1": ("v1", USER, "USER", "ASSISTANT", " ", "</s>"),
    "llava_v1": ("v1", HUMAN, "USER", "ASSISTANT", " ", "</s>"),
    "llava_v0": ("v0", HUMAN, "Human", "Assistant", "###", None),
    "llava_llama_2": ("llama_2", VISION, "USER", "ASSISTANT", "<s>", "</s>"),
    "mistral_instruct": ("llama_2", "", "USER", "ASSISTANT", "", "</s>"),
    "mpt": ("mpt", MPT, "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>", None),
}


class Mistake(Exception):
    """Where the original stops with an assertion or a KeyError."""


def with_images(tokenizer, text):
    """Every stretch between places is tokenised alone; only the first keeps its BOS."""
    out = []
    for number, stretch in enumerate(text.split(PLACE)):
        ids = tokenizer(stretch).input_ids
        if number:
            out.append(IMAGE)
            ids = ids[1:] if ids and ids[0] == tokenizer.bos_token_id else ids
        out += ids
    return out


def image_first(text):
    """Every sentence with a place gets one place, before its words."""
    if PLACE not in text:
        return text
    return (PLACE + "\n" + text.replace(PLACE, "").strip()).strip()


def prompt_of(row, turns):
    rule, system, human, assistant, sep, sep2 = row
    names = (human, assistant)
    if rule == "v1":
        text = system + sep
        for i, (_, said) in enumerate(turns):
            text += names[i % 2] + (": " + said + (sep, sep2)[i % 2] if said else ":")
        return text
    if rule == "mpt":
        return system + sep + "".join(names[i % 2] + (said + sep if said else "") for i, (_, said) in enumerate(turns))
    if not turns[0][1]:
        raise Mistake("the first turn is empty")
    text = ""
    for i, (_, said) in enumerate(turns):
        if not said:
            continue
        if i == 0 and system:
            said = f"<<SYS>>\n{system}\n<</SYS>>\n\n" + said
        text += f" {said} {sep2}" if i % 2 else f"{sep}[INST] {said} [/INST]"
    return text.lstrip(sep) if sep else text


class Labels:
    def __init__(self, tokenizer, image, max_length=0, head=True):
        self.tokenizer, self.image, self.max_length, self.head = tokenizer, image, max_length, head

    def ids(self, text, image=None):
        if self.image if image is None else image:
            return with_images(self.tokenizer, text)
        return self.tokenizer(text).input_ids

    def whole(self, text, image=None):
        ids = self.ids(text, image)
        cut = not (self.image if image is None else image) and self.max_length
        return ids[:self.max_length] if cut else ids

    def plain(self, row, turns):
        if len(turns) != 2 or PLACE not in turns[0][1]:
            raise Mistake("plain takes a picture and a caption")
        ids = with_images(self.tokenizer, PLACE + turns[1][1] + row[4])
        known = len(with_images(self.tokenizer, PLACE))
        return ids, [IGNORE] * known + ids[known:]

    def v0(self, row, turns):
        header = row[1] + "\n\n"
        pieces = [f"### {row[2] if who == 'human' else row[3]}: {said}\n" for who, said in turns]
        ids = self.whole(header + "".join(pieces) + "### ")
        labels = list(ids)
        at = len(self.whole(header))
        labels[:at] = [IGNORE] * len(labels[:at])
        for (who, _), piece in zip(turns, pieces):
            length = len(self.whole(piece))
            if who == "human":
                for i in range(at + 2, min(at + length, len(labels))):
                    labels[i] = IGNORE
            at += length
        return ids, labels

    def rounds(self, text, rounds, answer, start, extra, less, later, image=None):
        """`extra` is added to a round, `less` taken from a question, `later` added to both after the first round."""
        ids = self.whole(text, image)
        labels = list(ids)
        total = sum(i != self.tokenizer.unk_token_id for i in ids)
        hide = lambda begin, end: [labels.__setitem__(i, IGNORE) for i in range(begin, min(end, len(labels)))]
        hide(0, start)
        used = start
        for number, one in enumerate(rounds):
            halves = one.split(answer)
            if not one or len(halves) != 2:
                break
            more = later if number else 0
            hide(used, used + len(self.ids(halves[0] + answer, image)) - less + more)
            used += len(self.ids(one, image)) + extra + more
        hide(used, len(labels))
        if used != total and not (self.max_length and used >= self.max_length):
            hide(0, len(labels))
        return ids, labels

    def v1(self, row, turns):
        text = prompt_of(row, turns)
        later = -1 if self.head and not self.tokenizer.legacy else 0
        return self.rounds(text, text.split(row[5]), row[4] + row[3] + ": ", 1, 0, 2, later)

    def llama_2(self, row, turns):
        text = prompt_of(row, turns)
        return self.rounds(text, text.split(row[5]), "[/INST] ", 1, 0, 2, 0)

    def mpt(self, row, turns):
        text, sep = prompt_of(row, turns), row[4]
        parts = text.split(sep)
        rounds = [sep.join(parts[:3])] + [sep.join(parts[i:i + 2]) for i in range(3, len(parts), 2)]
        if self.head:
            return self.rounds(text, rounds, sep + row[3], 0, 0, 1, 1 if self.tokenizer.legacy else 0, image=True)
        return self.rounds(text, rounds, sep + row[3], 0, len(with_images(self.tokenizer, sep)), 0, 0, image=True)


def labels_of(tokenizer, template, record, max_length=0, head=True):
    """ids and labels of {"image"?, "conversations"}; Mistake where the original stops."""
    row = ROWS[template]
    turns = [(turn["from"], turn["value"]) for turn in record["conversations"]]
    image = "image" in record
    if image:
        turns = [(who, image_first(said)) for who, said in turns]
    if row[0] not in ("plain", "v0"):
        if turns[0][0] != "human":
            turns = turns[1:]
        if not turns or any(who != ("human", "gpt")[i % 2] for i, (who, _) in enumerate(turns)):
            raise Mistake("roles")
    return getattr(Labels(tokenizer, image, max_length, head), row[0])(row, turns)


def deal(indices, lengths, chunks):
    if len(indices) % chunks:
        return [indices[i::chunks] for i in range(chunks)]
    size, parts, sums = len(indices) // chunks, [[] for _ in range(chunks)], [0] * chunks
    for index in indices:
        target = sums.index(min(sums))
        parts[target].append(index)
        sums[target] = float("inf") if len(parts[target]) == size else sums[target] + lengths[index]
    return parts


def length_order(lengths, batch, world):
    order, mega = torch.randperm(len(lengths)).tolist(), batch * world
    out = []
    for begin in range(0, len(order), mega):
        group = sorted(order[begin:begin + mega], key=lambda i: -lengths[i])
        for part in deal(group, lengths, world):
            out += part
    return out


def modality_order(lengths, batch, world, seed):
    """group_by_modality_length after torch.manual_seed(seed)."""
    torch.manual_seed(seed)
    if all(n > 0 for n in lengths) or all(n < 0 for n in lengths):
        return length_order(lengths, batch, world)
    mega, full, rest = batch * world, [], []
    for sign in (1, -1):
        members = [i for i, n in enumerate(lengths) if n * sign > 0]
        order = [members[i] for i in length_order([abs(lengths[i]) for i in members], batch, world)]
        groups = [order[i:i + mega] for i in range(0, len(order), mega)]
        rest += groups.pop()
        full += groups
    return [i for place in torch.randperm(len(full)).tolist() for i in full[place]] + sorted(rest)
