// Renders chat templates with @huggingface/jinja: templates.mjs FILE, a list of {template, variables}; puts out a list of
// texts, null where there was an error. templates.mjs --of FOLDER …: the templates of tokenizer packages, a list of texts.
import { readFileSync, existsSync } from "node:fs";
import { Template } from "@huggingface/jinja";

const [first, ...rest] = process.argv.slice(2);
if (first === "--of") {
  const texts = [];
  for (const folder of rest) {
    const file = `${folder}/tokenizer_config.json`;
    if (!existsSync(file)) continue;
    const { chat_template: own } = JSON.parse(readFileSync(file, "utf8"));
    for (const one of Array.isArray(own) ? own : [{ template: own }]) if (one.template) texts.push(one.template);
  }
  console.log(JSON.stringify(texts));
} else {
  const render = ({ template, variables }) => {
    try {
      return new Template(template).render(variables);
    } catch {
      return null;
    }
  };
  console.log(JSON.stringify(JSON.parse(readFileSync(first, "utf8")).map(render)));
}
