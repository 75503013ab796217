// "Test my network": the dialog that shows what probe.js finds.

import { UNTESTED, rowsOf, summaryOf, verdictOf } from "./diagnosis.js";
import { probe } from "./probe.js";
import { element, find, mark, write } from "./view.js";

let findings = UNTESTED;
/** A test that runs is not begun again. */
let running = false;

const draw = () => {
  const verdict = verdictOf(findings);
  mark("network", verdict.mark);
  write("#network-verdict strong", verdict.title);
  write("#network-verdict span", verdict.next);
  const rows = rowsOf(findings).map(({ name, mark: kind, text }) => {
    const item = document.createElement("li");
    item.dataset["mark"] = kind;
    const title = document.createElement("b");
    title.textContent = name;
    item.append(title, ` ${text}`);
    return item;
  });
  element("#network-checks").replaceChildren(...rows);
};

/** Opens the dialog and tests. */
export const testNetwork = async () => {
  const dialog = find("#network", HTMLDialogElement);
  if (!dialog.open) dialog.showModal();
  if (running) return;
  running = true;
  const again = find("#network [data-action=network]", HTMLButtonElement);
  again.disabled = true;
  await probe((found) => {
    findings = found;
    draw();
  });
  again.disabled = running = false;
};

export const copyNetwork = async () => {
  try {
    await navigator.clipboard.writeText(summaryOf(findings));
    write("#network-copied", "Copied.");
  } catch {
    getSelection()?.selectAllChildren(element("#network-checks"));
    write("#network-copied", "Selected: copy it from the menu.");
  }
};
