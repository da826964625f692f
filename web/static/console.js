/*
 * The console's script. Every page works without it: it only makes forms nicer. No library but htmx (live parts)
 * and SortableJS (dragging), no inline code, nothing that a Content-Security-Policy of script-src 'self' forbids.
 *
 * Marks it looks for:
 *   data-hold            parts.html `hold`: hold the button (or Enter) for a second and its form is sent
 *   data-opens="id"      a link that opens <dialog id>; data-closes: one in a dialog that closes it
 *   data-key="j"         the element that this key presses (a link, a button) or focuses (a field)
 *   data-preview="a b"   a form whose fields the frames of these ids show while they are typed; data-fills: a picker of one
 *   .field + .meter      the meter under a field follows what is typed into it
 *   data-step="story"    elements of a list that J and K walk through
 *   data-reorder         an ordered list whose items are moved by dragging [data-handle] and by Alt+Up, Alt+Down:
 *
 *     <ol data-reorder>
 *       <li data-item data-form="move-7" data-name="Bridge reopens" tabindex="0">
 *         <span data-handle aria-hidden="true">::</span> ...
 *         <form id="move-7" method="post" action="/console/issues/3/items/7/move">
 *           <input type="hidden" name="form" value="..."><label>Position <input name="position" value="1"></label><button>Move</button>
 *         </form>
 *       </li>
 *     </ol>
 *
 *     A move fills in `position` (from 1) of the item's own form and sends it in the background. `[data-reorder]` may
 *     bear the words to announce: data-moved="{name} is now number {position} of {count}", data-refused="...".
 *     When the server refuses, the page is loaded again, so that it shows what is true.
 */
(() => {
  "use strict";

  const HELD = 1000; // ms; console.css fills the button in the same time

  const announce = (words) => {
    const place = document.getElementById("announcements");
    if (place) place.textContent = words;
  };

  const isTyping = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

  // --- hold to confirm ------------------------------------------------------------------------------------------------
  // A short press opens the details, whose button is the second press. Holding the pointer or Enter sends the form.
  function holdable(part) {
    const details = part.querySelector("details");
    const summary = part.querySelector("summary");
    const sure = part.querySelector("button.sure");
    let timer = null;
    let held = false;
    part.querySelector("[data-hold-hint]").hidden = false;

    const begin = () => {
      if (timer !== null || details.open) return;
      held = false;
      details.classList.add("holding");
      timer = setTimeout(() => {
        held = true;
        stop();
        sure.form.requestSubmit(sure);
      }, HELD);
    };
    const stop = () => {
      clearTimeout(timer);
      timer = null;
      details.classList.remove("holding");
    };

    summary.addEventListener("pointerdown", (event) => { if (event.button === 0) begin(); });
    for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) summary.addEventListener(end, stop);
    summary.addEventListener("contextmenu", (event) => { if (timer !== null) event.preventDefault(); }); // a long touch
    summary.addEventListener("keydown", (event) => {
      if (event.key === "Escape") stop();
      if (event.key !== "Enter" || details.open) return;
      event.preventDefault(); // the press is judged when the key comes up
      if (!event.repeat) begin();
    });
    summary.addEventListener("keyup", (event) => {
      if (event.key !== "Enter" || timer === null) return;
      stop();
      details.open = true;
    });
    summary.addEventListener("click", (event) => {
      stop();
      if (held) event.preventDefault(); // the form is on its way
    });
    details.addEventListener("toggle", () => { if (details.open) sure.focus(); });
  }

  // --- dialogs --------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
      return;
    }
    const dialog = event.target.closest("dialog[open]");
    if (dialog && (event.target === dialog || event.target.closest("[data-closes]"))) {
      event.preventDefault();
      dialog.close(); // the browser gives the focus back to what opened it
    }
  });

  // --- keys -----------------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.altKey && !event.ctrlKey && !event.metaKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      const item = event.target.closest("[data-item]");
      if (item && item.closest("[data-reorder]")) {
        event.preventDefault();
        step(item, event.key === "ArrowUp" ? -1 : 1);
      }
      return;
    }
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if ((key === "j" || key === "k") && walk(key === "j" ? 1 : -1)) {
      event.preventDefault();
      return;
    }
    // A key of the item in focus goes before a key of the page.
    const near = event.target.closest("[data-item], [data-step]");
    const meant = `[data-key="${CSS.escape(key)}"]`;
    const found = (near && near.querySelector(meant)) || document.querySelector(`:not([data-item] *, [data-step] *)${meant}`);
    if (!found) return;
    event.preventDefault();
    if (isTyping(found)) found.focus();
    else found.click();
  });

  function walk(by) {
    const steps = [...document.querySelectorAll("[data-step], [data-reorder] > [data-item]")];
    if (!steps.length) return false;
    const here = steps.findIndex((each) => each.contains(document.activeElement));
    const next = steps[here < 0 ? (by > 0 ? 0 : steps.length - 1) : Math.min(Math.max(here + by, 0), steps.length - 1)];
    const target = next.matches("a, button, [tabindex]") ? next : next.querySelector("a, button");
    if (target) target.focus();
    return target !== null;
  }

  // --- lists that are put in order ------------------------------------------------------------------------------------
  const items = (list) => [...list.children].filter((each) => each.matches("[data-item]"));

  function step(item, by) {
    const list = item.closest("[data-reorder]");
    const all = items(list);
    const place = all.indexOf(item) + by;
    if (place < 0 || place >= all.length) return;
    const focused = document.activeElement;
    if (by < 0) all[place].before(item);
    else all[place].after(item);
    focused.focus({ preventScroll: true }); // moving an element takes the focus away
    item.scrollIntoView({ block: "nearest" });
    moved(item);
  }

  let sending = Promise.resolve(); // one move after the other, in the order they were made
  let unsent = 0;

  // What is done after a move must come after it at the server too: a form or a link waits for the moves on their way.
  // Else a story dropped right after a move would be dropped from the old order, and a link would cancel the move.
  document.addEventListener("submit", (event) => {
    if (!unsent) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { target, submitter } = event;
    sending.then(() => target.requestSubmit(submitter));
  }, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!unsent || !link || link.target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    sending.then(() => link.click());
  }, true);

  function moved(item) {
    const list = item.closest("[data-reorder]");
    const all = items(list);
    const form = document.getElementById(item.dataset.form);
    const position = all.indexOf(item) + 1;
    form.elements.position.value = position;
    const body = new URLSearchParams(new FormData(form));
    item.classList.add("moved");
    setTimeout(() => item.classList.remove("moved"), 600);
    all.forEach((each, index) => {
      const shown = each.querySelector("[data-number]");
      if (shown) shown.textContent = index + 1;
    });
    announce(
      (list.dataset.moved || "{position} / {count}")
        .replace("{name}", item.dataset.name || "")
        .replace("{position}", position)
        .replace("{count}", all.length),
    );
    unsent += 1;
    sending = sending.then(() => send(form.action, body, list)).then(() => { unsent -= 1; });
  }

  async function send(action, body, list) {
    try {
      const answer = await fetch(action, { method: "POST", body, redirect: "manual", headers: { "X-Requested-With": "fetch" }, keepalive: true });
      // A redirect after a POST is the way our forms say "done"; `manual` shows it as opaque.
      if (answer.type === "opaqueredirect" || answer.ok) {
        list.dispatchEvent(new CustomEvent("reordered", { bubbles: true }));
        return;
      }
    } catch {
      // The network is away: the reload below tells.
    }
    announce(list.dataset.refused || "");
    window.location.reload();
    await new Promise(() => {}); // what was to follow was meant for an order that is not the true one
  }

  // --- signed out in between ------------------------------------------------------------------------------------------
  // The form goes once more, as the plain form it is: the answer is the sign-in page, which keeps what was typed.
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, elt } = event.detail;
    const form = elt.closest("form");
    if (xhr.status === 401 && form && form.method === "post") HTMLFormElement.prototype.submit.call(form);
  });

  // --- meters -----------------------------------------------------------------------------------------------------------
  document.addEventListener("input", (event) => {
    const meter = event.target.closest(".field")?.nextElementSibling;
    if (!meter?.matches(".meter")) return;
    const most = Number(meter.getAttribute("aria-valuemax"));
    const length = [...event.target.value].length; // characters, not UTF-16 units
    const marks = [...meter.querySelectorAll(".mark")].map((mark) => (parseFloat(mark.getAttribute("x")) * most) / 100);
    const off = marks.length > 0 && (length > marks.at(-1) || (marks.length > 1 && length < marks[0]));
    const figures = meter.querySelector(".figures");
    figures.textContent = figures.textContent.replace(/\p{Nd}+/u, length);
    meter.querySelector(".filled").setAttribute("width", `${(Math.min(length, most) * 100) / most}%`);
    meter.setAttribute("aria-valuenow", Math.min(length, most));
    meter.setAttribute("aria-valuetext", figures.textContent);
    meter.classList.toggle("wait", off);
    meter.classList.toggle("go", !off);
  });

  // --- what is typed, seen at once ---------------------------------------------------------------------------------------
  const REST = 400; // ms without a key before a frame is asked for anew

  function previewing(form) {
    let timer = null;
    const show = () => {
      const typed = new URLSearchParams(new FormData(form));
      for (const name of ["form", "seen", "act"]) typed.delete(name);
      for (const id of form.dataset.preview.split(" ")) {
        const frame = document.getElementById(id);
        const base = frame?.dataset.base;
        if (base) frame.src = `${base}${base.includes("?") ? "&" : "?"}${typed}`;
      }
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(show, REST);
    };
    form.addEventListener("input", (event) => {
      const filled = event.target.dataset.fills;
      if (filled) form.elements[filled].value = event.target.value;
      const picker = form.querySelector(`[data-fills="${event.target.name}"]`);
      if (picker && /^#[0-9a-f]{6}$/i.test(event.target.value)) picker.value = event.target.value;
      later();
    });
    for (const picker of form.querySelectorAll("[data-fills]")) picker.hidden = false;
  }

  // --- begin, and again for what htmx brings in -----------------------------------------------------------------------
  function enhance(root) {
    const all = (mark) => [...(root.matches?.(mark) ? [root] : []), ...root.querySelectorAll(mark)];
    for (const part of all("[data-hold]")) holdable(part);
    for (const part of all("form[data-preview]")) previewing(part);
    if (window.Sortable) {
      for (const list of all("[data-reorder]")) {
        window.Sortable.create(list, {
          draggable: "[data-item]",
          handle: "[data-handle]",
          animation: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 140,
          ghostClass: "chosen",
          onEnd: (event) => { if (event.oldIndex !== event.newIndex) moved(event.item); },
        });
      }
    }
  }

  document.documentElement.classList.add("scripted"); // what only a script can do is shown from here on
  enhance(document);
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) enhance(event.target); });
})();
