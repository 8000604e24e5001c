// Puts what tsc built into one file that a page can load without any tool: `node bundle.mjs [FILE]`.
//
// The modules import only each other, by name, and each top-level name exists once. So it is enough to put them in order, and to
// drop their imports and exports. Whatever does not fit that is an error here, never a bundle that almost works.
import { readFileSync, writeFileSync } from "node:fs";

const DIST = new URL("dist/", import.meta.url);
const OUT = process.argv[2] ?? new URL("../../examples/web/static/counterseal.js", import.meta.url);
const HEAD = `// Built from clients/web/src by clients/web/bundle.mjs: change it there.
// SPDX-License-Identifier: Apache-2.0
`;
const IMPORT = /^import (?:type )?\{[^}]*\} from "\.\/([a-z]+\.js)";\n/gm;
const EXPORT_FROM = /^export \{([^}]*)\} from "\.\/([a-z]+\.js)";\n/gm;
const EXPORTED = /^export (?=(?:async )?(?:class|const|function)\b)/gm;
const DECLARED = /^(?:async )?(?:class|const|let|var|function)\*? ([A-Za-z_$][\w$]*)/gm;

const read = (name) => readFileSync(new URL(name, DIST), "utf8");
const parts = new Map();

function add(name) {
  if (parts.has(name)) return;
  const text = read(name);
  parts.set(name, undefined); // Found again before it is filled in: modules in a circle, which are fine among functions.
  for (const [, from] of text.matchAll(IMPORT)) add(from);
  const body = text.replace(IMPORT, "").replace(EXPORTED, "").replace(/^export \{\};\n/gm, "");
  if (/^(?:import|export)\b|\bimport\(/m.test(body)) throw new Error(`${name}: an import or export that is not understood`);
  parts.delete(name);
  parts.set(name, body); // After everything that it needs.
}

const index = read("index.js");
const names = [...index.matchAll(EXPORT_FROM)].flatMap(([, list, from]) => (add(from), list.split(",").map((name) => name.trim())));
const text = [...parts].map(([name, body]) => `// ---- ${name}\n\n${body.trim()}\n`).join("\n");
const declared = [...text.matchAll(DECLARED)].map(([, name]) => name);
const twice = declared.filter((name, at) => declared.indexOf(name) !== at);
if (twice.length > 0) throw new Error(`declared in two modules: ${twice.join(", ")}`);
const missing = names.filter((name) => !declared.includes(name));
if (missing.length > 0) throw new Error(`exported, but declared nowhere: ${missing.join(", ")}`);
writeFileSync(OUT, `${HEAD}\n${text}\nexport { ${names.sort().join(", ")} };\n`);
