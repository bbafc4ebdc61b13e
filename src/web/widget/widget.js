// Shows the visitors of a page how the syncs behind it are. Embed it with the key of a widget:
//   <script src="https://sync.example.org/widget/v1/widget.js" data-key="pk_live_…" defer></script>
// Runs under a strict content security policy: allow this server for script-src, style-src and connect-src. All text goes
// in as text; nothing is made of markup, and nothing is kept in the browser.
(() => {
  "use strict";

  const script = document.currentScript;
  const key = script && script.dataset.key;
  if (!key) {
    console.warn("Syncline: the script needs data-key, the key of a widget");
    return;
  }
  const server = new URL("../../", script.src);
  const MINUTE = 60000;
  const WORDS = { ok: "Up to date", running: "Running now", trouble: "Needs attention", paused: "Paused" };

  // The key is in the address, so that browsers need not ask first whether they may send a header.
  const ask = async (what) => {
    const url = new URL("api/widget/" + what, server);
    url.searchParams.set("key", key);
    const answer = await fetch(url, { credentials: "omit", referrerPolicy: "strict-origin" });
    if (!answer.ok) {
      throw new Error("Syncline: the widget is not shown (" + answer.status + ")");
    }
    return answer.json();
  };

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    element.className = "syncline-" + name;
    if (text) {
      element.textContent = text;
    }
    return element;
  };

  const when = (time) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

  const facts = (sync) => {
    const known = [WORDS[sync.state] || WORDS.ok];
    if (sync.last_success) {
      known.push("last success " + when(sync.last_success));
    }
    if (sync.next_run) {
      known.push("next run " + when(sync.next_run));
    }
    return known.join(" · ");
  };

  const item = (sync) => {
    const state = Object.hasOwn(WORDS, sync.state) ? sync.state : "ok";
    const line = make("li", "sync");
    line.classList.add("syncline-" + state);
    line.append(make("span", "dot"), make("span", "name", sync.name), make("span", "facts", facts(sync)));
    return line;
  };

  const show = (config) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("widget/v1/widget.css", server).href;
    document.head.append(style);

    const root = make("div", "widget");
    root.classList.add(config.position === "bottom-left" ? "syncline-bottom-left" : "syncline-bottom-right");
    if (/^#[0-9a-f]{6}$/i.test(config.primaryColor)) {
      root.style.setProperty("--syncline-color", config.primaryColor);
    }
    const panel = make("section", "panel");
    panel.hidden = true;
    panel.setAttribute("aria-label", config.widgetName);
    const list = make("ul", "syncs");
    const fill = (syncs) => list.replaceChildren(...syncs.map(item));
    panel.append(make("h2", "title", config.widgetName));
    if (config.welcomeMessage) {
      panel.append(make("p", "welcome", config.welcomeMessage));
    }
    panel.append(list);
    fill(config.syncs);

    const button = make("button", "button", config.widgetName);
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    let timer;
    const refresh = () => ask("status").then((status) => fill(status.syncs), () => {});
    const turn = (open) => {
      panel.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
      clearInterval(timer);
      if (open) {
        refresh();
        timer = setInterval(refresh, MINUTE);
      }
    };
    button.addEventListener("click", () => turn(panel.hidden));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !panel.hidden) {
        turn(false);
        button.focus();
      }
    });
    root.append(panel, button);
    document.body.append(root);
  };

  const start = () => ask("config").then(show).catch((error) => console.warn(error.message));
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start, { once: true });
  } else {
    start();
  }
})();
