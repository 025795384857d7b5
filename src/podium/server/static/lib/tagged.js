// Values that JSON has no form for are on record as objects whose first key is a tag, such as "!dataclass" (podium/codec).

const short = (name) => String(name).split(/[:.]/).pop();
const pairs = (inner) => (Array.isArray(inner) && inner.every((pair) => Array.isArray(pair)) ? inner : []);

/** {text} of a value without parts, {kind, parts: [[key, value], …], isList} of others; null for what JSON can say. */
export function tagged(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const [tag] = Object.keys(value);
  if (!tag?.startsWith("!")) return null;
  const inner = value[tag];
  const list = (kind, items) => ({ kind, isList: true, parts: items.map((item, i) => [String(i), item]) });
  const named = (kind, fields) => ({ kind, parts: Object.entries(fields).filter(([name]) => name[0] !== "!") });
  switch (tag) {
    case "!as_is":
      return tagged(inner) ?? { same: inner };
    case "!dataclass":
    case "!struct":
    case "!namedtuple":
      return named(short(inner), value);
    case "!pydantic":
      return named(short(inner), { ...value.fields, ...value.extra });
    case "!enum":
      return { text: `${short(inner)}.${value.member ?? value.value}` };
    case "!tuple":
    case "!set":
    case "!frozenset":
      return list(tag.slice(1), inner);
    case "!deque":
      return list("deque", inner[1]);
    case "!dict":
    case "!OrderedDict":
    case "!Counter":
      return { kind: tag.slice(1), parts: pairs(inner) };
    case "!defaultdict":
      return { kind: "defaultdict", parts: pairs(inner[1]) };
    case "!ref":
      return { text: `${inner[3] || inner[0]}, kept by reference, ${Number(inner[2]).toLocaleString("en-GB")} bytes` };
    case "!secret":
      return { text: "***" };
    case "!failure":
      return { text: `${short(inner?.type)}: ${inner?.message ?? ""}` };
    default: // a date, a number, a path, bytes
      if (!Array.isArray(inner)) return { text: String(inner) };
      return { text: ["!datetime", "!time"].includes(tag) ? String(inner[0]) : inner.map(String).join(" ") };
  }
}

/** The value as plain JSON, as a command line takes it. */
export function untagged(value) {
  if (Array.isArray(value)) return value.map(untagged);
  const what = tagged(value);
  if (what && "same" in what) return untagged(what.same);
  if (what?.text !== undefined) return what.text;
  if (what?.isList) return what.parts.map(([, part]) => untagged(part));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries((what?.parts ?? Object.entries(value)).map(([key, part]) => [String(key), untagged(part)]));
}
