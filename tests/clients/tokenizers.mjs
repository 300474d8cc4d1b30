// Texts through Hugging Face's own tokenizers, the Rust library behind npm's binding: tokenizers.mjs FOLDER FILE, the folder
// of a tokenizer.json and a list of texts; puts out a list of lists of ids. No token is put before or behind a text.
import { readFileSync } from "node:fs";
import { Tokenizer } from "tokenizers";

const [folder, file] = process.argv.slice(2);
const words = Tokenizer.fromFile(`${folder}/tokenizer.json`);
const texts = JSON.parse(readFileSync(file, "utf8"));
const all = await words.encodeBatch(texts, { addSpecialTokens: false });
process.stdout.write(JSON.stringify(all.map((one) => one.getIds())));
