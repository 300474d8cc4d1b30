#!/usr/bin/env python3
"""Writes renders.json: what Jinja, set up as Hugging Face does, makes of conversations with the templates beside it.

The templates are from github.com/chujiezheng/chat_templates (MIT, see LICENSE), which asks to put them on one line.
Debian: python3-jinja2. `render.py FOLDER` does the same with the templates of another folder.
"""

import json
import pathlib
import sys

from jinja2.sandbox import ImmutableSandboxedEnvironment

SYSTEMS = [None, "Be brief.", " Speak {plainly}, 'please' \n"]
SAID = [["hello"], [" hello \n", "hi!", "more\u00a0"], ["a", "b", "c", "d {} {trim}", "e"]]


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def one_line(text):
    return text.replace("    ", "").replace("\n", "")


def render(template, system, said):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(said)]
    return environment.from_string(template).render(
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
