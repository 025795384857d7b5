// A form from JSON Schema: a field for each part that has a plain type, nested for objects, JSON for all else. What is
// typed is checked here for the eye; the server checks it again before anything is stored.

import { html } from "./html.js";

/**
 * `fields` is [{name, annotation, required, schema, default}]. `values()` are those that were filled in, by name; an
 * empty field that is not required is left out, so that the function's own default counts.
 */
export function form(fields, draw) {
  const texts = new Map(); // by path: what was typed
  const shaped = fields.map((field) => ({ ...field, shape: shapeOf(field.schema, field.schema) }));

  const typed = (path) => texts.get(path) ?? "";
  const type = (path) => (event) => {
    texts.set(path, event.target.value);
    draw();
  };

  /** The value of a field, or {problem}; undefined where it is empty. */
  function read(path, shape, required) {
    if (shape.kind === "object") {
      const found = {};
      let any = false;
      for (const part of shape.parts) {
        const value = read(`${path}.${part.name}`, part.shape, false);
        if (value?.problem) return value;
        if (value !== undefined) {
          found[part.name] = value;
          any = true;
        }
      }
      const missing = shape.parts.find((part) => part.required && !(part.name in found));
      if (!any && !required) return undefined;
      return missing ? { problem: `${missing.name} is needed`, here: true } : found;
    }
    const text = typed(path);
    if (text === "") return required && shape.kind === "string" ? "" : required ? { problem: "needed" } : undefined;
    if (shape.kind === "string") return text;
    if (shape.kind === "choice") return shape.choices[Number(text)];
    if (shape.kind === "boolean") return text === "true";
    if (shape.kind === "integer")
      return /^[+-]?\d+$/.test(text.trim()) ? Number(text) : { problem: `wants a whole number, got ${text}` };
    if (shape.kind === "number")
      return text.trim() && Number.isFinite(Number(text)) ? Number(text) : { problem: `wants a number, got ${text}` };
    try {
      return JSON.parse(text);
    } catch {
      return { problem: "is no JSON" };
    }
  }

  // What is wrong with a part is said beside that part; that one is lacking, beside them all.
  const lacks = (field) => {
    const value = read(field.name, field.shape, field.required);
    return value?.here ? value.problem : "";
  };
  const problem = (field) => read(field.name, field.shape, field.required)?.problem;
  const standard = (field) =>
    field.default === undefined
      ? ""
      : typeof field.default === "string"
        ? field.default
        : JSON.stringify(field.default);
  function control(path, shape, label, placeholder, wrong) {
    const id = `field-${path}`;
    if (shape.kind === "choice" || shape.kind === "boolean") {
      const choices =
        shape.kind === "boolean"
          ? [
              ["true", "true"],
              ["false", "false"],
            ]
          : shape.choices.map((choice, i) => [String(i), String(choice)]);
      return html`<select class="in" id=${id} value=${typed(path)} onchange=${type(path)}><option value="">${placeholder || "choose"}</option>${choices.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select>`;
    }
    if (shape.kind === "json")
      return html`<textarea class="in mono" id=${id} rows="2" placeholder=${placeholder || "JSON"} aria-invalid=${wrong} aria-describedby="problem-${path}" value=${typed(path)} oninput=${type(path)}></textarea>`;
    const mode = shape.kind === "string" ? null : "decimal";
    return html`<input class="in mono" id=${id} inputmode=${mode} placeholder=${placeholder} aria-invalid=${wrong} aria-describedby="problem-${path}" autocomplete="off" value=${typed(path)} oninput=${type(path)}/>`;
  }
  function row(path, field, top) {
    if (field.shape.kind === "object") {
      return html`<fieldset class="f about" key=${path}><legend>${field.name} <span class="ty">${field.annotation ?? ""}</span></legend><div class="cols c-2">${field.shape.parts.map((part) => row(`${path}.${part.name}`, part, false))}</div>
        <span class="err" id="problem-${path}">${top && touched(path) && lacks(field)}</span></fieldset>`;
    }
    const text = texts.has(path) && typed(path) !== "" ? read(path, field.shape, field.required)?.problem : "";
    return html`<div class="f" key=${path}><label for="field-${path}">${field.name} <span class="ty">${field.annotation ?? field.shape.kind}</span>${field.required && html`<span class="hint">needed</span>`}</label>
      ${control(path, field.shape, field.name, standard(field), Boolean(text))}<span class="err" id="problem-${path}">${text}</span></div>`;
  }
  const touched = (path) => [...texts.keys()].some((key) => key.startsWith(`${path}.`));

  return {
    view: () => html`<div class="cols c-2">${shaped.map((field) => row(field.name, field, true))}</div>`,
    values() {
      const found = {};
      for (const field of shaped) {
        const value = read(field.name, field.shape, field.required);
        if (value !== undefined && !value?.problem) found[field.name] = value;
      }
      return found;
    },
    isComplete: () => shaped.every((field) => !problem(field)),
    fill(values) {
      texts.clear();
      for (const field of shaped) if (field.name in values) pour(texts, field.name, field.shape, values[field.name]);
      draw();
    },
  };
}

function pour(texts, path, shape, value) {
  if (value == null) return;
  if (shape.kind === "object" && typeof value === "object") {
    for (const part of shape.parts) pour(texts, `${path}.${part.name}`, part.shape, value[part.name]);
  } else if (shape.kind === "choice") texts.set(path, String(shape.choices.indexOf(value)));
  else if (shape.kind === "json") texts.set(path, JSON.stringify(value));
  else texts.set(path, String(value));
}

/** What kind of field a schema wants: string, integer, number, boolean, choice, object or json. */
function shapeOf(schema, root, depth = 0) {
  if (schema.$ref) {
    const found = schema.$ref
      .replace(/^#\//, "")
      .split("/")
      .reduce((at, part) => at?.[part], root);
    return found && depth < 4 ? shapeOf(found, root, depth + 1) : { kind: "json" };
  }
  const some = (schema.anyOf ?? schema.oneOf)?.filter((option) => option.type !== "null");
  if (some?.length === 1) return shapeOf(some[0], root, depth);
  if (schema.enum) return { kind: "choice", choices: schema.enum };
  if (schema.type === "object" && schema.properties && depth < 4) {
    const needed = new Set(schema.required ?? []);
    const parts = Object.entries(schema.properties).map(([name, part]) => ({
      name,
      required: needed.has(name),
      default: part.default,
      schema: part,
      shape: shapeOf(part, root, depth + 1),
    }));
    return { kind: "object", parts };
  }
  return { kind: ["string", "integer", "number", "boolean"].includes(schema.type) ? schema.type : "json" };
}
