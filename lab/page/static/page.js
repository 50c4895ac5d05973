// What a page does by itself: copy a command, choose two parties in the figure, answer a question.
"use strict";

document.addEventListener("click", (event) => {
  const copy = event.target.closest("button.copy");
  if (copy) {
    const text = copy.closest(".command").querySelector("code").textContent;
    navigator.clipboard.writeText(text).then(() => {
      const before = copy.textContent;
      copy.textContent = document.body.dataset.copied;
      setTimeout(() => { copy.textContent = before; }, 1500);
    });
    return;
  }
  const party = event.target.closest("[data-party]");
  if (party) choose(party.dataset.party);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  const party = event.target.closest("[data-party]");
  if (party) {
    event.preventDefault();
    choose(party.dataset.party);
  }
});

// The first that is chosen in the figure asks, the second is asked.
let first = null;

function choose(name) {
  const [source, destination] = ["source", "destination"].map((id) => document.getElementById(id));
  for (const select of [source, destination]) {
    if (![...select.options].some((option) => option.value === name)) select.add(new Option(name, name));
  }
  if (first === null) {
    first = name;
    source.value = name;
    for (const each of document.querySelectorAll("[data-party]")) {
      each.classList.toggle("chosen", each.dataset.party === name);
    }
    return;
  }
  if (name !== first) {
    destination.value = name;
    destination.dispatchEvent(new Event("change", { bubbles: true }));
  }
  first = null;
}

document.addEventListener("input", (event) => {
  const slider = event.target.closest(".slider");
  if (slider) slider.querySelector("output").textContent = event.target.value;
});

document.addEventListener("change", (event) => {
  const question = event.target.closest(".question");
  if (!question) return;
  const verdict = question.querySelector(".verdict");
  const right = event.target.value === question.dataset.right;
  verdict.textContent = right ? verdict.dataset.good : verdict.dataset.bad;
  verdict.classList.toggle("good", right);
  verdict.classList.toggle("bad", !right);
  if (right) question.parentElement.querySelector(".why").open = true;
});

// On a narrow screen the chapters wait until they are asked for.
const chapters = document.querySelector("nav.chapters details");
if (chapters && matchMedia("(max-width: 70rem)").matches) chapters.open = false;
