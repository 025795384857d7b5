// Markup as tagged templates, drawn by changing the nodes that are there.
//
// A template is parsed once into a tree of plain data; values fill its holes. `render` compares what is wanted with
// the children that a node has and changes only what differs: rows never jump, a field keeps its focus and its text.
// Nothing is ever parsed as HTML by the browser (no innerHTML), so text from users stays text and the page can ask
// for Trusted Types.

const SVG = "http://www.w3.org/2000/svg";
const VOID = new Set(["input", "br", "hr", "img", "meta", "link", "wbr"]);
const LIVE = new Set(["value", "checked", "indeterminate", "open", "selected"]); // state of the element, no attribute
const parsed = new WeakMap();

/** A piece of markup: `html\`<p class=${name}>${children}</p>\``. One root gives a node, several give a list. */
export function html(strings, ...values) {
  let tree = parsed.get(strings);
  if (!tree) parsed.set(strings, (tree = parse(strings)));
  const made = tree.map((part) => fill(part, values));
  return made.length === 1 ? made[0] : made;
}

// A part is a string, a hole (a number) or {tag, props: [[name, value or hole or list of both]], kids}.
function parse(strings) {
  const root = { tag: "", kids: [] };
  const stack = [root];
  let tag = null; // the element whose opening tag is being read
  const top = () => stack[stack.length - 1];
  const close = () => {
    const whole = tag;
    tag = null;
    top().kids.push(whole);
    if (!VOID.has(whole.tag) && !whole.selfClosed) stack.push(whole);
  };
  let quoted = null; // the pieces of a quoted attribute value that has holes

  strings.forEach((text, index) => {
    let at = 0;
    while (at < text.length) {
      if (quoted) {
        const end = text.indexOf('"', at);
        if (end < 0) {
          quoted.push(text.slice(at));
          at = text.length;
        } else {
          if (end > at || !quoted.length) quoted.push(text.slice(at, end));
          quoted = null;
          at = end + 1;
        }
      } else if (tag) {
        const rest = text.slice(at);
        const space = /^\s+/.exec(rest);
        const word = /^([\w@:.-]+)(="?)?/.exec(rest);
        if (space) at += space[0].length;
        else if (rest.startsWith("/>")) {
          tag.selfClosed = true;
          close();
          at += 2;
        } else if (rest[0] === ">") {
          close();
          at += 1;
        } else if (word) {
          at += word[0].length;
          if (!word[2]) tag.props.push([word[1], [true]]);
          else {
            const pieces = [];
            tag.props.push([word[1], pieces]);
            if (word[2] === '="') quoted = pieces;
            else if (at < text.length) throw new SyntaxError(`a value without quotes: ${rest.slice(0, 40)}`);
          }
        } else throw new SyntaxError(`not markup: ${rest.slice(0, 40)}`);
      } else {
        const less = text.indexOf("<", at);
        const words = text.slice(at, less < 0 ? text.length : less);
        if (words) {
          const kept = words.replace(/\s*\n\s*/g, ""); // a line break in the source is no space on the page
          if (kept) top().kids.push(kept);
        }
        if (less < 0) break;
        const open = /^<(\/?)([\w-]+)/.exec(text.slice(less));
        if (!open) throw new SyntaxError(`not a tag: ${text.slice(less, less + 40)}`);
        at = less + open[0].length;
        if (open[1]) {
          if (top().tag !== open[2]) throw new SyntaxError(`</${open[2]}> closes <${top().tag}>`);
          stack.pop();
          at = text.indexOf(">", at) + 1;
        } else tag = { tag: open[2], props: [], kids: [] };
      }
    }
    if (index === strings.length - 1) return;
    if (quoted) quoted.push(index);
    else if (tag) {
      const last = tag.props[tag.props.length - 1];
      if (last && !last[1].length) last[1].push(index);
      else tag.props.push(["...", [index]]); // an object of properties
    } else top().kids.push(index);
  });
  if (stack.length > 1) throw new SyntaxError(`<${top().tag}> is not closed`);
  return root.kids;
}

function fill(part, values) {
  if (typeof part === "string") return part;
  if (typeof part === "number") return values[part];
  const props = {};
  for (const [name, pieces] of part.props) {
    const found = pieces.map((piece) => (typeof piece === "number" ? values[piece] : piece));
    if (name === "...") Object.assign(props, found[0]);
    else props[name] = found.length === 1 ? found[0] : found.map((v) => (v == null || v === false ? "" : v)).join("");
  }
  return { tag: part.tag, props, kids: part.kids.map((kid) => fill(kid, values)) };
}

let after = null; // what elements want done once all of them stand in their final sizes

/**
 * Make the children of `parent` those of `tree`: a node, a text, a list of them, or nothing. A node's `drawn` is called
 * with its element at the end.
 */
export function render(parent, tree) {
  if (after) return reconcile(parent, tree);
  const calls = (after = []);
  try {
    reconcile(parent, tree);
  } finally {
    after = null;
  }
  for (const [call, element] of calls) call(element);
}

function reconcile(parent, tree) {
  const wanted = [];
  flatten(tree, wanted);
  const inSvg = parent.namespaceURI === SVG;
  const byKey = new Map();
  for (const child of parent.childNodes) if (child.podiumKey != null) byKey.set(child.podiumKey, child);
  let here = parent.firstChild;
  for (const node of wanted) {
    const key = node.props?.key;
    let child = key == null ? here : byKey.get(String(key));
    if (key == null && here?.podiumKey != null && !fits(here, node)) child = null;
    if (!child || !fits(child, node)) child = create(node, inSvg);
    if (child !== here) parent.insertBefore(child, here);
    else here = here.nextSibling;
    if (typeof node === "string") {
      if (child.data !== node) child.data = node;
    } else patch(child, node);
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

function flatten(tree, out) {
  if (tree == null || tree === false || tree === true || tree === "") return;
  if (Array.isArray(tree)) for (const part of tree) flatten(part, out);
  else out.push(typeof tree === "object" ? tree : String(tree));
}

function fits(child, node) {
  if (typeof node === "string") return child.nodeType === 3;
  const key = node.props.key == null ? undefined : String(node.props.key);
  return child.nodeType === 1 && child.localName === node.tag && child.podiumKey === key;
}

function create(node, inSvg) {
  if (typeof node === "string") return document.createTextNode(node);
  const svg = inSvg || node.tag === "svg";
  const made = svg ? document.createElementNS(SVG, node.tag) : document.createElement(node.tag);
  made.podiumProps = {};
  if (node.props.key != null) made.podiumKey = String(node.props.key);
  return made;
}

function patch(element, node) {
  const before = element.podiumProps || {};
  for (const name in before) if (!(name in node.props)) set(element, name, undefined);
  if (!node.props.css) style(element, before.css);
  reconcile(element, node.kids); // before the properties: a select takes its value only when its options are there
  for (const name in node.props) {
    const value = node.props[name];
    if (name === "css") style(element, before.css, value);
    else if (LIVE.has(name) || value !== before[name]) set(element, name, value);
  }
  element.podiumProps = node.props;
  if (node.props.drawn) after.push([node.props.drawn, element]);
}

function set(element, name, value) {
  if (name === "key" || name === "drawn" || name === "css") return;
  // What a listener answers is nothing to the browser: false would undo what was clicked.
  if (name.startsWith("on")) element[name] = value ? (event) => void value(event) : null;
  else if (LIVE.has(name) && name in element && !(name === "open" && element.localName === "dialog")) {
    const wanted = name === "value" ? (value ?? "") : Boolean(value);
    // What a person has just typed is not taken from under their hands: a field that has the focus keeps its text.
    if (element[name] !== wanted && !(name === "value" && document.activeElement === element)) element[name] = wanted;
  } else if (value == null || (value === false && !name.startsWith("aria-"))) element.removeAttribute(name);
  else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
}

// Sizes that depend on data. The CSP forbids style attributes; properties set one by one are allowed.
function style(element, before, wanted) {
  for (const name in before) if (!wanted || !(name in wanted)) element.style.removeProperty(name);
  for (const name in wanted) if (wanted[name] !== before?.[name]) element.style.setProperty(name, wanted[name]);
}
