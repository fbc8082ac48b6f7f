/**
 * Builds the page into coname/protocols/page, from where the server serves it: the document, and its files with a hash
 * of their content in their names. The same sources give the same bytes, always and everywhere: `--check` builds into
 * memory and fails if what is kept differs.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TARGET = fileURLToPath(new URL("../coname/protocols/page/", import.meta.url));

/** What is in the script, besides our own. */
const PACKAGES = ["@noble/curves", "@noble/hashes"];

/** @param {string} entry @returns {Promise<Uint8Array>} */
async function bundled(entry) {
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
  });
  return result.outputFiles[0].contents;
}

function licences() {
  const texts = PACKAGES.map((name) => {
    const folder = `${HERE}node_modules/${name}`;
    const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    return `${name} ${version}\n\n${readFileSync(`${folder}/LICENSE`, "utf8").trim()}\n`;
  });
  return Buffer.from(
    `This page is part of coname, under the Apache License 2.0. It includes:\n\n${texts.join("\n\n")}`,
  );
}

/** @param {string} name @param {Uint8Array} content */
function hashed(name, content) {
  const [stem, suffix] = name.split(".");
  return `${stem}-${createHash("sha256").update(content).digest("hex").slice(0, 12)}.${suffix}`;
}

/** @returns {Promise<Map<string, Uint8Array>>} the files by their names */
async function page() {
  const parts = {
    "icon.svg": readFileSync(`${HERE}src/icon.svg`),
    "licences.txt": licences(),
    "page.css": await bundled("src/page.css"),
    "page.js": await bundled("src/app/main.js"),
  };
  const files = new Map();
  let document = readFileSync(`${HERE}src/index.html`, "utf8");
  for (const [name, content] of Object.entries(parts)) {
    const integrity = `sha384-${createHash("sha384").update(content).digest("base64")}`;
    document = document
      .replaceAll(`@${name}@`, `/${hashed(name, content)}`)
      .replaceAll(`@${name} integrity@`, integrity);
    files.set(hashed(name, content), content);
  }
  return files.set("index.html", Buffer.from(document));
}

/** @param {Map<string, Uint8Array>} files @returns {string[]} the names of those that differ from what is kept */
function differences(files) {
  const kept = existsSync(TARGET) ? readdirSync(TARGET) : [];
  const changed = [...files].filter(
    ([name, content]) => !kept.includes(name) || !readFileSync(TARGET + name).equals(content),
  );
  return [...changed.map(([name]) => name), ...kept.filter((name) => !files.has(name))];
}

const files = await page();
const differing = differences(files);
if (process.argv.includes("--check")) {
  if (differing.length) console.error(`not what the sources give: ${differing.join(", ")}; run: make page`);
  process.exit(differing.length ? 1 : 0);
}
rmSync(TARGET, { recursive: true, force: true });
mkdirSync(TARGET, { recursive: true });
for (const [name, content] of files) {
  writeFileSync(TARGET + name, content);
  console.log(`${name}  ${content.length} bytes`);
}
