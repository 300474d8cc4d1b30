#!/usr/bin/env python3
"""Writes renders.json: what Jinja, set up as Hugging Face does, makes of conversations with the templates beside it.
And evaluated.json: what it makes of the templates in expressions.json; null where it finds a fault.

The templates are from github.com/chujiezheng/chat_templates (MIT, see LICENSE), which asks to put them on one line.
Debian: python3-jinja2. `render.py FOLDER` does the same with the templates of another folder.
"""

import json
import pathlib
import sys

from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

SYSTEMS = [None, "Be brief.", " Speak {plainly}, 'please' \n"]
SAID = [["hello"], [" hello \n", "hi!", "more\u00a0"], ["a", "b", "c", "d {} {trim}", "e"]]


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


class Generation(Extension):
    """Marks what a model is trained to say; puts out its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("put_out"), [], [], body).set_lineno(line)

    def put_out(self, caller):
        return caller()


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def make_environment():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.globals["raise_exception"] = refuse
    environment.filters["tojson"] = to_json
    return environment


VARIABLES = {
    "messages": [{"role": "system", "content": " Be {brief}. \n"}, {"role": "user", "content": "héllo wörld\n\nx"},
                 {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}],
    "n": None, "t": True, "l": [3, 1, 2], "d": {"b": 1, "a": {"z": "y"}, "items": 5}, "s": "Ab cD-eF 'x' \"q\"",
    "u": "日本 é", "f": 2.5, "e": "", "big": 12345678901}


def evaluated(template):
    try:
        return make_environment().from_string(template).render(**VARIABLES)
    except Exception:
        return None


def one_line(text):
    return text.replace("    ", "").replace("\n", "")


def render(template, system, said):
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(said)]
    return make_environment().from_string(template).render(
        messages=messages, bos_token="<s>", eos_token="</s>", add_generation_prompt=True)


def cases(template):
    for system in SYSTEMS:
        for said in SAID:
            try:
                yield {"system": system or "", "said": said, "text": render(template, system, said)}
            except Refused:
                pass


folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
templates = {}
for file in sorted(folder.glob("*.jinja")):
    text = file.read_text()
    templates[file.stem] = text
    if one_line(text) != text and "{%-" not in text:
        templates[file.stem + ", on one line"] = one_line(text)
out = [{"name": name, "template": text, "renders": list(cases(text))} for name, text in templates.items()]
(folder / "renders.json").write_text(json.dumps(out, indent=1) + "\n")

expressions = folder / "expressions.json"
if expressions.exists():
    texts = [{"template": text, "text": evaluated(text)} for text in json.loads(expressions.read_text())]
    all_of_it = {"variables": VARIABLES, "expressions": texts}
    (folder / "evaluated.json").write_text(json.dumps(all_of_it, indent=1, ensure_ascii=False) + "\n")
