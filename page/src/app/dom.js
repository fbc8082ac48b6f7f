/**
 * Elements, made of data and never of markup: what a stranger published is text, whatever is in it.
 */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] `onclick` and the like are listeners; true and false switch an attribute
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} type
 * @returns {E} the element of the document with that id
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the document has no ${type.name} with the id ${id}`);
  return element;
}

/** Say something to those who do not see the page change. @param {string} text */
export function announce(text) {
  byId("announcements", HTMLElement).textContent = text;
}

/** Put the reader, and the keyboard, at the beginning of what has just appeared. @param {HTMLElement} element */
export function focusOn(element) {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Names and values. @param {[string, Child][]} facts */
export function factList(facts) {
  return h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * A box that says how things stand.
 *
 * @param {"good" | "neutral" | "bad" | "warn"} kind @param {string} title @param {...(Child | Child[])} children
 */
export function notice(kind, title, ...children) {
  return h("div", { class: `notice ${kind}` }, h("p", { class: "notice-title" }, mark(kind), title), ...children);
}

/** A sign beside a word, for the eyes only. @param {"good" | "neutral" | "bad" | "warn"} kind */
export function mark(kind) {
  return h(
    "span",
    { class: `mark ${kind}`, "aria-hidden": "true" },
    { good: "✓", neutral: "○", bad: "✕", warn: "!" }[kind],
  );
}

/**
 * A button that copies `text`, and says that it did.
 *
 * @param {string} text @param {string} what for those who do not see which one it belongs to
 */
export function copyButton(text, what) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Cannot copy here",
    );
    button.textContent = done;
    announce(`${what}: ${done}`);
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

/** Hand a file to the person. @param {string} name @param {BlobPart} content @param {string} type */
export function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
