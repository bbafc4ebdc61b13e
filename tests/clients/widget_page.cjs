// A page as small as a page can be, with the widget in it: runs the script that a server sends, opens the panel, and prints what
// a visitor would see. Whatever would take text for markup, or code from text, is not there.
const vm = require("node:vm");

const [server, key, origin] = process.argv.slice(2);

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], attributes: {}, listeners: {}, styles: {}, className: "", text: "" });
    this.dataset = {};
    this.classList = { add: (name) => { this.className += " " + name; } };
    this.style = { setProperty: (name, value) => { this.styles[name] = value; } };
  }
  set textContent(text) { this.text = String(text); }
  set innerHTML(_) { throw new Error("markup"); }
  set outerHTML(_) { throw new Error("markup"); }
  insertAdjacentHTML() { throw new Error("markup"); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  focus() {}
  shown() {
    return { tag: this.tag, name: this.className, text: this.text, hidden: this.hidden, href: this.href, styles: this.styles,
      attributes: this.attributes, children: this.children.map((child) => child.shown()) };
  }
}

(async () => {
  const source = server + "/widget/v1/widget.js";
  const code = await (await fetch(source)).text();
  const script = Object.assign(new Element("script"), { src: source });
  script.dataset.key = key;
  const document = {
    currentScript: script, readyState: "complete", head: new Element("head"), body: new Element("body"),
    createElement: (tag) => new Element(tag), addEventListener() {},
  };
  const said = [];
  const asked = [];
  const browse = async (url, options) => {
    asked.push(new URL(url).pathname);
    const answer = await fetch(url, { ...options, headers: { origin } });
    // A browser gives a page of another site only what it was told to.
    const allowed = answer.headers.get("access-control-allow-origin");
    if (allowed !== "*" && allowed !== origin) {
      throw new TypeError("the browser does not let the page read the answer");
    }
    return answer;
  };
  const context = vm.createContext(
    { document, URL, fetch: browse, console: { warn: (text) => said.push(text) }, setInterval: () => 1, clearInterval() {}, Date },
    { codeGeneration: { strings: false, wasm: false } },
  );
  vm.runInContext(code, context);
  const rest = () => new Promise((done) => setTimeout(done, 20));
  const until = async (fact) => {
    for (let turn = 0; turn < 500 && !fact(); turn += 1) {
      await rest();
    }
  };
  await until(() => document.body.children.length > 0 || said.length > 0);
  const root = document.body.children[0];
  if (root) {
    root.children[1].listeners.click();
    await until(() => asked.length === 2);
    await rest();
  }
  console.log(JSON.stringify({ said, asked, head: document.head.shown(), body: document.body.shown() }));
})();
