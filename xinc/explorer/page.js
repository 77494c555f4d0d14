// The explorer: linked views of one state. One module for a browser tab (questions over HTTP) and for notebooks
// (anywidget, questions as messages); it keeps no state of its own outside of `mount`.

const STEPS = 32767, SMALL_STEPS = 127;
const KEPT_BYTES = 96 * 2 ** 20;
const TYPES = {
    uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, int32: Int32Array,
    float32: Float32Array, float64: Float64Array,
};
const RANKINGS = {
    contribution: ["contribution", "Σ|C|", "Sum of |C| over the region. Layers have no common scale."],
    gained: ["gained", "Σ|gained|", "The same of gained maps, which put the weights of later layers back: in colours."],
    effect: ["effect", "effect", "What the colours lose without the neuron: sum of squares, exact for those listed."],
    blame: ["blame", "blame", "How much of the squared error here is gone without the neuron, exact for those listed."],
};

// ---------------------------------------------------------------------------------------------------- small helpers

function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "class") made.className = value;
        else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
        else if (name in made && typeof value !== "string") made[name] = value;
        else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
}

function drawing(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/** Three significant digits, without an exponent where that is short. */
function number(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-5) return value.toExponential(2).replace("e+", "e").replace("-", "−");
    const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
    return grouped(Number(value.toPrecision(3)).toFixed(Math.min(digits, 8)));
}

const grouped = (text) => String(text).replace("-", "−").replace(/^(−?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
const percent = (share) => (share === null || share === undefined ? "–" : `${share >= 0.995 ? 100 : (100 * share).toPrecision(2).replace(/e.*/, "")} %`.replace("-", "−"));

/** A number without zeros at the end, as on an axis. */
const short = (value) => number(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");

const lasted = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** A round distance, of which about so many fit between low and high. */
function apart(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
}

// -------------------------------------------------------------------------------------------------- asking

class Refused extends Error {
    constructor(text, status) {
        super(text);
        this.status = status;
    }
}

/** The head of a message with its arrays by name. */
export function unpack(buffer) {
    const size = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
    let at = 8 + size;
    for (const { name, type, shape } of head.arrays) {
        const count = shape.reduce((product, one) => product * one, 1);
        const values = new TYPES[type](buffer, at, count);
        head[name] = Object.assign(values, { shape });
        at += Math.ceil(values.byteLength / 8) * 8;
    }
    head.bytes = buffer.byteLength + 3 * size; // what is read from text takes more room than the text
    return head;
}

/** Questions over HTTP; a newer one on a subject takes the place of an older one that is under way. */
function overHttp() {
    const running = new Map();
    const mine = Math.random().toString(36).slice(2);
    const ask = async (question, subject) => {
        running.get(subject)?.abort();
        const control = new AbortController();
        running.set(subject, control);
        let answer;
        try {
            answer = await fetch("ask", {
                method: "POST", signal: control.signal, headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ ...question, subject: `${mine}-${subject}` }),
            });
            if (!answer.ok) throw new Refused(await answer.text(), answer.status);
            const head = unpack(await answer.arrayBuffer());
            if (head.refused !== undefined) throw new Refused(head.refused, head.status);
            return head;
        } catch (error) {
            if (error.name === "AbortError") throw new Refused("", 409);
            if (error instanceof Refused) throw error;
            throw new Refused("No answer: is xinc explore still running?", 0);
        } finally {
            if (running.get(subject) === control) running.delete(subject);
        }
    };
    return { ask, subjectOf: (subject) => `${mine}-${subject}` };
}

/** Questions as messages of a notebook's widget. */
function overMessages(model) {
    const waiting = new Map();
    let count = 0;
    const mine = Math.random().toString(36).slice(2);
    const arrived = (message, buffers) => {
        const [resolve, reject] = waiting.get(message?.id) ?? [];
        if (!resolve) return;
        waiting.delete(message.id);
        if (message.error !== undefined) {
            reject(new Refused(message.error, message.status));
            return;
        }
        const head = JSON.parse(message.head);
        head.bytes = 4 * message.head.length; // what is read from text takes more room than the text
        head.arrays.forEach(({ name, type, shape }, at) => {
            const view = buffers[at];
            const bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice();
            head[name] = Object.assign(new TYPES[type](bytes.buffer), { shape });
            head.bytes += bytes.byteLength;
        });
        resolve(head);
    };
    model.on("msg:custom", arrived);
    const ask = (question, subject) => new Promise((resolve, reject) => {
        count += 1;
        const id = `${mine}-${count}`;
        waiting.set(id, [resolve, reject]);
        model.send({ id, question, subject: `${mine}-${subject}` });
    });
    return { ask, close: () => model.off("msg:custom", arrived), subjectOf: (subject) => `${mine}-${subject}` };
}

/** Answers that were given lately, at most so many bytes of them. */
function remembering(ask, limit) {
    const kept = new Map();
    let size = 0;
    return async (question, subject) => {
        const key = JSON.stringify(question);
        if (kept.has(key)) {
            const answer = kept.get(key);
            kept.delete(key);
            kept.set(key, answer);
            return { ...answer, ms: 0 };
        }
        const answer = await ask(question, subject);
        if (!kept.has(key) && answer.seconds === undefined && answer.bytes < limit / 4) {
            kept.set(key, answer);
            size += answer.bytes;
            for (const [oldest, one] of kept) {
                if (size <= limit) break;
                kept.delete(oldest);
                size -= one.bytes;
            }
        }
        return answer;
    };
}

// -------------------------------------------------------------------------------------------------- state in words

/** The state as the fragment of an address, and back; what is not in it is left to its default. */
export function toFragment(state) {
    const { place } = state;
    const parts = {
        network: state.network, layer: state.layer, frame: state.frame,
        pixel: place?.pixel?.join(","), box: place?.box?.join(","), instance: place?.instance,
        by: state.by === "contribution" ? null : state.by, all: state.everywhere ? 1 : null,
        neuron: state.neuron, shown: [state.signed && "signed", state.gained && "gained"].filter(Boolean).join(",") || null,
        picture: state.picture === "video" ? null : state.picture, count: state.count === 24 ? null : state.count,
        beside: state.other, pins: state.pins.map((pin) => `${pin.layer}:${pin.neuron}`).join(",") || null,
    };
    const text = Object.entries(parts).filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%2C", ",").replaceAll("%3A", ":")}`);
    return text.join("&");
}

export function fromFragment(text) {
    const found = new URLSearchParams(text.replace(/^#/, "").replaceAll("+", "%2B"));
    const whole = (value) => (/^\d{1,9}$/.test(value ?? "") ? Number(value) : null);
    const list = (name, count) => {
        const values = (found.get(name) ?? "").split(",").map(whole);
        return values.length === count && values.every((one) => one !== null) ? values : null;
    };
    const state = { by: "contribution", picture: "video", count: 24, neuron: null, other: null };
    for (const name of ["network", "layer", "instance"]) if (found.get(name)) state[name] = found.get(name);
    for (const name of ["frame", "neuron", "count"]) if (whole(found.get(name)) !== null) state[name] = whole(found.get(name));
    state.count = Math.min(500, Math.max(1, state.count));
    const pixel = list("pixel", 2), box = list("box", 4);
    state.place = pixel ? { pixel } : box ? { box } : state.instance ? { instance: state.instance } : null;
    delete state.instance;
    if (found.get("by") in RANKINGS) state.by = found.get("by");
    state.everywhere = found.get("all") === "1";
    const shown = (found.get("shown") ?? "").split(",");
    state.signed = shown.includes("signed");
    state.gained = shown.includes("gained");
    if (["video", "reconstruction", "error"].includes(found.get("picture"))) state.picture = found.get("picture");
    if (found.get("beside")) state.other = found.get("beside");
    state.pins = (found.get("pins") ?? "").split(",").map((one) => {
        const cut = one.lastIndexOf(":");
        return { layer: one.slice(0, cut), neuron: whole(one.slice(cut + 1)) };
    }).filter((pin) => pin.layer && pin.neuron !== null);
    return state;
}

// -------------------------------------------------------------------------------------------------- pictures

/** Values in steps as colours on a canvas of one pixel for each. */
function paint(canvas, values, height, width, steps, colours, signed) {
    canvas.width = width;
    canvas.height = height;
    const image = new ImageData(width, height);
    const scale = signed ? 127.5 / steps : 255 / steps;
    for (let at = 0, to = 0; at < values.length; at += 1, to += 4) {
        const place = signed ? 127.5 + values[at] * scale : Math.abs(values[at]) * scale;
        const from = 3 * Math.min(255, Math.max(0, Math.round(place)));
        image.data[to] = colours[from];
        image.data[to + 1] = colours[from + 1];
        image.data[to + 2] = colours[from + 2];
        image.data[to + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
}

function paintColours(canvas, values, height, width) {
    canvas.width = width;
    canvas.height = height;
    const image = new ImageData(width, height);
    for (let at = 0, to = 0; at < values.length; at += 3, to += 4) {
        image.data.set([values[at], values[at + 1], values[at + 2], 255], to);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The edge between the pixels of a mask and others, as a path in pixels. */
function outline(labels, wanted, height, width) {
    const inside = (y, x) => y >= 0 && x >= 0 && y < height && x < width && labels[y * width + x] === wanted;
    let path = "";
    for (let y = 0; y <= height; y += 1) {
        for (let x = 0; x <= width; x += 1) {
            if (inside(y, x) !== inside(y - 1, x)) path += `M${x} ${y}h1`;
            if (inside(y, x) !== inside(y, x - 1)) path += `M${x} ${y}v1`;
        }
    }
    return path;
}

// -------------------------------------------------------------------------------------------------- the page

/**
 * Show the explorer in an element.
 *
 * @param {HTMLElement} root
 * @param {object} options ask(question, subject); alone, whether it is the whole page; start, the state to begin with; changed(state), told of every state.
 * @returns {object} set(changes), state() and close().
 */
export function mount(root, options) {
    const ask = remembering(options.ask, KEPT_BYTES);
    const state = {
        network: null, layer: null, frame: null, place: null, by: "contribution", everywhere: false, neuron: null,
        signed: false, gained: false, picture: "video", count: 24, other: null, pins: [], ...options.start,
    };
    let networks = [], about = null, beside = null, colours = null, palette = [], playing = false, hovered = null;
    let pending = 0, closed = false, tour = null, changedAt = performance.now();
    const listeners = new AbortController();
    const views = {};

    // ------------------------------------------------------------------ skeleton
    root.replaceChildren();
    root.classList.add("xinc-explorer");
    const part = {};
    const named = (name, made) => (part[name] = made);
    const select = (name, label) => element("label", { class: "field" }, element("span", {}, label),
        named(name, element("select", { "aria-label": label })));
    const choice = (name, label, entries) => named(name, element("div", { class: "choice", role: "group", "aria-label": label },
        ...entries.map(([value, text, title]) => element("button", { type: "button", "data-value": value, title: title ?? "", "aria-pressed": "false" }, text))));
    const panel = (name, heading, ...content) => named(name, element("section", { class: "panel", "aria-label": heading },
        element("header", {}, named(`${name}Title`, element("h2", {}, heading)), named(`${name}Tools`, element("div", { class: "tools" }))),
        element("p", { class: "trouble", role: "alert", hidden: true }), ...content));
    const picture = (name, label) => {
        const canvas = element("canvas", { "aria-hidden": "true" });
        const over = drawing("svg", { class: "over", preserveAspectRatio: "none", "aria-hidden": "true" });
        const frame = element("div", { class: "frame", tabindex: "0", role: "application", "aria-roledescription": "picture", "aria-label": label }, canvas, over);
        part[name] = { frame, canvas, over };
        return frame;
    };
    root.append(
        element("header", { class: "bar" },
            element(options.alone ? "h1" : "strong", { class: "brand" }, "xinc", element("span", {}, " explorer")),
            select("video", "Video"), select("model", "Model"), select("seed", "Seed"), select("layer", "Layer"),
            element("div", { class: "field time" }, element("span", {}, "Frame"),
                named("play", element("button", { type: "button", "aria-label": "Play", title: "Play over time (space)" }, "▶")),
                named("frame", element("input", { type: "range", min: "0", max: "0", "aria-label": "Frame" })),
                named("frameText", element("output", {}, ""))),
            element("div", { class: "field" }, element("span", {}, "Maps"),
                choice("shown", "Maps", [["signed", "signed", "Signed contributions in place of magnitudes (s)"],
                    ["gained", "gained", "Gained maps: weights of later layers put back, in colours (g)"]])),
            select("other", "Beside"),
            element("div", { class: "field actions" },
                named("tourButton", element("button", { type: "button", title: "Five steps through the explorer" }, "Tour")),
                element("details", { class: "menu" }, element("summary", {}, "Export"), named("menu", element("div", { role: "menu" }))),
                named("help", element("button", { type: "button", "aria-label": "Keys", title: "Keys (?)" }, "?"))),
            named("status", element("output", { class: "status", "aria-live": "polite" }, ""))),
        named("banner", element("p", { class: "banner", role: "alert", hidden: true })),
        element("main", { class: "columns" },
            element("div", { class: "column" },
                panel("pictures", "Video", picture("source", "Frame of the video: arrows move the pixel, shift by eight"),
                    named("sourceBar", element("div", { class: "scale" })), element("div", { class: "row under" }, named("readout", element("p", { class: "readout" })),
                        named("worst", element("button", { type: "button", hidden: true, title: "A box on the place of the frame with the largest error" }, "Worst place")))),
                panel("heat", "All neurons", picture("heatmap", "Sum over neurons of |C|: arrows move the pixel"),
                    named("heatBar", element("div", { class: "scale" })))),
            element("div", { class: "column" },
                panel("list", "Neurons",
                    named("byTools", element("div", { class: "row" })),
                    named("covered", element("div", { class: "covered" })),
                    named("rows", element("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Ranked neurons" })),
                    named("more", element("button", { type: "button", class: "more", hidden: true }, "More neurons")))),
            element("div", { class: "column" },
                panel("map", "Map of a neuron", picture("mapped", "Map of the neuron: arrows move the pixel"),
                    named("mapBar", element("div", { class: "scale" })), named("facts", element("p", { class: "facts" })),
                    named("belief", element("p", { class: "belief" }))),
                panel("course", "Over time", named("chart", element("div", { class: "chart" }))),
                panel("points", "Neurons with similar maps", named("scatter", element("div", { class: "scatter" },
                    element("canvas", { role: "img" }))), named("pointText", element("p", { class: "readout" }))))),
        named("besideRow", element("section", { class: "columns beside", "aria-label": "Another network", hidden: true },
            element("div", { class: "column" }, panel("heatB", "Beside", picture("heatmapB", "Sum over neurons of |C| of the network beside"),
                named("heatBarB", element("div", { class: "scale" })))),
            element("div", { class: "column" }, panel("listB", "Neurons beside", named("coveredB", element("div", { class: "covered" })),
                named("rowsB", element("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Ranked neurons beside" })))),
            element("div", { class: "column" }, panel("mapB", "Most similar neuron beside", picture("mappedB", "Map of the matched neuron"),
                named("mapBarB", element("div", { class: "scale" })), named("factsB", element("p", { class: "facts" })))))),
        named("pinned", element("section", { class: "pinned", "aria-label": "Pinned maps", hidden: true })),
        named("dialog", element("dialog", { class: "keys", "aria-label": "Keys" })),
        named("guide", element("aside", { class: "guide", "aria-label": "Guided tour", hidden: true })));

    choice("what", "Picture", [["video", "video"], ["reconstruction", "network", "What the network makes of the frame"], ["error", "error", "Root of the squared error, mean over channels"]]);
    part.picturesTools.append(part.what, named("instance", element("select", { hidden: true, "aria-label": "Instance", title: "An annotated instance as the region" })));
    part.byTools.append(choice("by", "Ranked by", Object.entries(RANKINGS).map(([key, [text, , title]]) => [key, text, title])),
        element("label", { class: "check" }, named("everywhere", element("input", { type: "checkbox" })), "all layers"));
    part.listTools.append(named("csv", element("button", { type: "button", title: "The list as CSV" }, "CSV")));
    part.mapTools.append(named("follow", element("button", { type: "button", hidden: true, title: "Show the first neuron of the list again (Esc)" }, "Follow list")),
        named("pin", element("button", { type: "button", title: "Keep this map in view (p)" }, "Pin")));
    for (const [name, text] of [["png", "View as PNG"], ["svg", "View as SVG"], ["csvToo", "List as CSV"], ["link", "Copy link to this view"], ["python", "Copy as Python"]]) {
        part.menu.append(named(name, element("button", { type: "button", role: "menuitem" }, text)));
    }

    // ------------------------------------------------------------------ telling
    const say = (text) => { part.status.textContent = text; };
    const trouble = (name, text) => {
        const line = part[name].querySelector(".trouble");
        line.textContent = text;
        line.hidden = !text;
        part[name].classList.toggle("failed", Boolean(text));
    };
    const inkOf = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    const layerOf = (name) => about?.layers.find((one) => one.name === name);
    const placeText = () => {
        const { place } = state;
        if (place?.pixel) return `pixel (${place.pixel.join(", ")})`;
        if (place?.box) return `box rows ${place.box[0]}–${place.box[1] - 1}, columns ${place.box[2]}–${place.box[3] - 1}`;
        return place?.instance ? place.instance : "whole frame";
    };
    const title = () => `${(state.network ?? "").replaceAll("/", " · ").replace("seed", "seed ")} · ${state.layer} · frame ${state.frame} · ${placeText()}`;

    // ------------------------------------------------------------------ asking for a view
    /** Ask for what a view shows, if that has changed, and draw it when it is there and still what is wanted. */
    async function show(name, question, draw, inPanel = name) {
        const view = (views[name] ??= {});
        const key = question && JSON.stringify(question);
        if (key && view.key === JSON.stringify({ ...question, compute: true })) {
            if (view.answer) draw(view.answer);
            return; // it was asked for whatever it costs
        }
        if (view.key === key) {
            if (view.answer) draw(view.answer);
            return;
        }
        view.key = key;
        view.answer = null;
        view.whole = false;
        if (name === inPanel) part[inPanel]?.classList.remove("estimated");
        if (!question) {
            draw(null);
            return;
        }
        const slow = setTimeout(() => part[inPanel]?.classList.add("busy"), 120);
        const far = setInterval(() => tell(name, inPanel, key, draw), 700);
        pending += 1;
        root.dataset.pending = String(pending);
        const start = performance.now();
        try {
            const answer = await ask(question, name);
            if (closed || view.key !== key || views[name] !== view) return;
            view.answer = answer;
            view.whole = true;
            trouble(inPanel, "");
            part.banner.hidden = true;
            draw(answer);
            view.elapsed = performance.now() - start;
            painted(name);
            if (["list", "map"].includes(name)) say(["list", "map"].filter((one) => views[one]?.elapsed !== undefined).map((one) => `${one} ${lasted(views[one].elapsed)}`).join(" · ").replace(/ ms(?=.* ms)/, ""));
        } catch (error) {
            if (closed || view.key !== key || views[name] !== view) return;
            view.key = undefined;
            if (!(error instanceof Refused)) throw error;
            if (error.status === 409) {
                // An older question on the subject arrived after this one, on another connection, and took its place.
                setTimeout(() => { if (!closed && views[name] === view && view.key === undefined) show(name, question, draw, inPanel); }, 20);
                return;
            }
            if (error.status === 0) {
                part.banner.textContent = error.message;
                part.banner.hidden = false;
            }
            trouble(inPanel, error.message);
            draw(null);
        } finally {
            clearTimeout(slow);
            clearInterval(far);
            part[inPanel]?.removeAttribute("data-far");
            pending -= 1;
            root.dataset.pending = String(pending);
            if (view.key === key || view.key === undefined) part[inPanel]?.classList.remove("busy");
        }
    }

    /** Note, for whoever measures, how long after the change of state a view was painted. */
    function painted(name) {
        const began = changedAt;
        requestAnimationFrame(() => setTimeout(() => {
            performance.clearMeasures(`xinc ${name}`);
            performance.measure(`xinc ${name}`, { start: began, end: performance.now() });
        }, 0));
    }

    /** How far a long answer is; of a list, an estimate as soon as there is one. */
    async function tell(name, inPanel, key, draw) {
        try {
            const { label, done, total, estimate } = await options.ask({ ask: "progress", of: options.subjectOf?.(name) ?? name }, `progress-${name}`);
            const view = views[name];
            if (total && part[inPanel]?.classList.contains("busy")) part[inPanel].dataset.far = `${label}: ${done} of ${total}`;
            if (!estimate || closed || view?.key !== key || view.whole || view.answer || JSON.stringify(estimate.question) !== key) return;
            view.answer = { ...estimate, estimated: true };
            draw(view.answer);
        } catch { /* it is said where the answer is */ }
    }

    // ------------------------------------------------------------------ state
    function set(changes) {
        const before = state.network;
        changedAt = performance.now();
        Object.assign(state, changes);
        if (changes.network !== undefined && changes.network !== before) {
            about = null;
            for (const name of Object.keys(views)) delete views[name]; // answers about the other network are not drawn
            options.changed?.(state);
            load();
            return;
        }
        settle();
        options.changed?.(state);
        update();
    }

    /** A state that the network has: another layer, frame or pixel where it lacks those of the state. */
    function settle() {
        if (!about) return;
        if (!layerOf(state.layer)) state.layer = about.layers.at(-1).name;
        if (!about.frames.includes(state.frame)) {
            const wanted = state.frame ?? about.frames[0];
            state.frame = about.frames.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
        }
        const { height, width } = about;
        const { pixel, box, instance } = state.place ?? {};
        const inside = pixel ? pixel[0] < height && pixel[1] < width
            : box ? box[0] < box[1] && box[1] <= height && box[2] < box[3] && box[3] <= width : about.instances.includes(instance);
        if (!inside) state.place = { pixel: [height >> 1, width >> 1] };
        if (state.neuron !== null && state.neuron >= layerOf(state.layer).neurons) state.neuron = null;
        if (state.by === "blame" && !about.video) state.by = "contribution";
        if (["gained", "effect", "blame"].includes(state.by) && !about.model) state.by = "contribution";
        if (state.gained && !about.gains) state.gained = false;
        const reconstructed = about.model || about.overview;
        if (state.picture !== "video" && !reconstructed) state.picture = "video";
        if (state.picture !== "reconstruction" && !about.video && reconstructed) state.picture = "reconstruction";
        state.pins = state.pins.filter((pin) => layerOf(pin.layer) && pin.neuron < layerOf(pin.layer).neurons).slice(0, 12);
        if (!networks.some((one) => one.name === state.other) || state.other === state.network) state.other = null;
    }

    function waiting(text) {
        say(text);
        for (const name of ["source", "heatmap", "mapped"]) {
            part[name].frame.dataset.text = text;
            if (text) part[name].frame.classList.add("empty");
        }
        part.covered.textContent = text;
    }

    /** The video and the names of the networks, which are there before anything that computes maps is. */
    async function begin() {
        try {
            const found = await options.ask({ ask: "beginning", network: state.network, frame: state.frame }, "beginning");
            if (about || colours || closed) return;
            networks = found.networks;
            fillNetworks(networks.find((one) => one.name === found.first));
            if (!found.image || state.picture !== "video") return;
            const [height, width] = found.image.shape;
            const { canvas, frame } = part.source;
            frame.style.aspectRatio = `${width} / ${height}`;
            frame.classList.remove("empty");
            paintColours(canvas, found.image, height, width);
        } catch (error) {
            if (!(error instanceof Refused)) throw error; // it is said where the rest is asked for
        }
    }

    async function load() {
        pending += 1;
        root.dataset.pending = String(pending);
        try {
            if (!colours) {
                waiting("Loading: a few seconds");
                begin();
                const found = await ask({ ask: "networks" }, "networks");
                networks = found.networks;
                colours = { magnitude: found.magnitude, signed: found.signed };
                palette = found.palette.map((one) => `rgb(${one.join(",")})`);
                if (!networks.some((one) => one.name === state.network)) state.network = found.first;
            }
            const wanted = state.network;
            const found = await ask({ ask: "network", network: wanted }, "network");
            if (closed || state.network !== wanted) return;
            about = found;
            waiting("");
            settle();
            options.changed?.(state);
            fill();
            update();
        } catch (error) {
            if (error.status === 409) return;
            waiting("");
            part.banner.textContent = error.message;
            part.banner.hidden = false;
            if (!(error instanceof Refused)) throw error;
        } finally {
            pending -= 1;
            root.dataset.pending = String(pending);
        }
    }

    const options_ = (made, entries, chosen) => {
        made.replaceChildren(...entries.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
        made.disabled = entries.length < 2;
    };
    const sameVideo = (current) => networks.filter((one) => one.video === current.video);

    function fillNetworks(current) {
        const distinct = (name, of) => [...new Set(of.map((one) => one[name]))];
        const same = sameVideo(current);
        options_(part.video, distinct("video", networks).map((one) => [one, one || "–"]), current.video);
        options_(part.model, distinct("model", same).map((one) => [one, one || "–"]), current.model);
        options_(part.seed, same.filter((one) => one.model === current.model).map((one) => [one.seed, one.seed || "–"]), current.seed);
    }

    /** Choices of the top bar. */
    function fill() {
        const current = networks.find((one) => one.name === state.network);
        const same = sameVideo(current);
        fillNetworks(current);
        options_(part.layer, about.layers.map((one) => [one.name, `${one.name} (${grouped(one.neurons)})`]), state.layer);
        part.layer.disabled = false;
        options_(part.other, [["", "none"], ...same.filter((one) => one.name !== state.network).map((one) => [one.name, one.name.replace(`${one.video}/`, "")])], state.other ?? "");
        part.frame.max = String(about.frames.length - 1);
        part.frame.disabled = part.play.disabled = about.frames.length < 2;
        options_(part.instance, [["", "instance …"], ...about.instances.map((one) => [one, one])], state.place?.instance ?? "");
        part.instance.hidden = !about.instances.length;
        for (const { frame } of ["source", "heatmap", "mapped", "heatmapB", "mappedB"].map((name) => part[name])) {
            frame.style.aspectRatio = `${about.width} / ${about.height}`;
        }
        root.style.setProperty("--aspect", String(about.width / about.height));
    }

    const pressed = (group, chosen) => {
        for (const button of group.children) button.setAttribute("aria-pressed", String(chosen.includes(button.dataset.value)));
    };
    const enable = (group, value, able) => { group.querySelector(`[data-value=${value}]`).disabled = !able; };

    /** Everything on the page, from the state. */
    function update() {
        if (!about || closed) return;
        const at = { network: state.network, layer: state.layer, frame: state.frame };
        part.layer.value = state.layer;
        part.other.value = state.other ?? "";
        part.frame.value = String(about.frames.indexOf(state.frame));
        part.frame.setAttribute("aria-valuetext", `frame ${state.frame}`);
        part.frameText.textContent = String(state.frame);
        part.instance.value = state.place.instance ?? "";
        pressed(part.what, [state.picture]);
        pressed(part.by, [state.by]);
        pressed(part.shown, [state.signed && "signed", state.gained && "gained"]);
        enable(part.what, "video", about.video);
        enable(part.what, "reconstruction", about.model || about.overview);
        enable(part.what, "error", about.video && (about.model || about.overview));
        for (const by of ["gained", "effect"]) enable(part.by, by, about.model);
        enable(part.by, "blame", about.model && about.video);
        enable(part.shown, "gained", about.gains);
        part.everywhere.checked = state.everywhere;
        part.everywhere.disabled = state.by === "contribution";
        part.everywhere.parentElement.title = state.by === "contribution" ? "Contributions of different layers have no common scale" : "Rank the neurons of all layers together";
        part.worst.hidden = state.picture !== "error";
        root.dataset.state = toFragment(state);

        const rank = { ask: "rank", ...at, place: state.place, by: state.by, count: state.count, everywhere: state.everywhere };
        const of = (question, network) => question && { ...question, network };
        show("list", rank, drawList);
        showNeuron();
        show("pictures", about.video || state.picture !== "video" ? { ask: "picture", network: state.network, frame: state.frame, what: state.picture } : null, drawPicture);
        show("labels", about.instances.length ? { ask: "labels", network: state.network, frame: state.frame } : null, mark, "pictures");
        show("heat", { ask: "heat", ...at }, drawHeat("heatmap", "heat", "heatBar", "heatTitle"));
        show("points", about.clusters.includes(state.layer) ? { ask: "points", ...at } : null, drawPoints);
        part.besideRow.hidden = !state.other;
        if (state.other) {
            show("aboutB", { ask: "network", network: state.other }, (found) => {
                beside = found;
                if (!found) return;
                const layer = found.layers.some((one) => one.name === state.layer) ? state.layer : found.layers.at(-1).name;
                const fits = found.height === about.height && found.width === about.width && found.frames.includes(state.frame);
                const frames = found.frames.length > 12 ? `${found.frames[0]} to ${found.frames.at(-1)}` : found.frames.join(", ");
                trouble("heatB", fits ? "" : `It has maps of ${found.height}×${found.width} pixels and of frames ${frames}: choose one of these.`);
                const question = fits ? { ...at, network: state.other, layer } : null;
                show("heatB", question && { ask: "heat", ...question }, drawHeat("heatmapB", "heatB", "heatBarB", "heatBTitle"));
                show("listB", question && { ...of(rank, state.other), layer, count: 12, by: "contribution", everywhere: false }, drawListB);
                matchB();
            }, "heatB");
        } else {
            beside = null;
            part.rowsB.replaceChildren();
            // What is on its way is not drawn any more.
            for (const name of Object.keys(views)) if (name.endsWith("B") || name.startsWith("thumbsB")) delete views[name];
        }
        drawPins();
        mark();
    }

    /** The neuron on show: the chosen one, otherwise the first of the list. */
    function chosen() {
        if (state.neuron !== null) return { layer: state.layer, neuron: state.neuron };
        const answer = views.list?.answer;
        return answer?.neuron.length ? { layer: answer.layer[0], neuron: answer.neuron[0] } : null;
    }

    function showNeuron() {
        const one = chosen();
        const at = one && { network: state.network, layer: one.layer, frame: state.frame, neuron: one.neuron };
        part.follow.hidden = state.neuron === null;
        if (!one && state.neuron === null && views.list?.key && !views.list.answer) return; // the list is on its way
        show("map", at && { ask: "map", ...at, gained: state.gained }, drawMap);
        show("course", at && { ask: "course", ...at, frame: about.frames[0], gained: state.gained, place: state.place }, drawCourse);
        if (views.points?.answer) drawPoints(views.points.answer);
        for (const row of part.rows.children) row.setAttribute("aria-selected", String(Boolean(one) && row.dataset.layer === one.layer && Number(row.dataset.neuron) === one.neuron));
        const current = part.rows.querySelector("[aria-selected=true]");
        if (current) part.rows.setAttribute("aria-activedescendant", current.id);
        else part.rows.removeAttribute("aria-activedescendant");
        matchB();
    }

    const choose = (layer, neuron) => set({ layer, neuron });

    // ------------------------------------------------------------------ drawing
    function drawPicture(answer) {
        const { canvas, frame } = part.source;
        const texts = { video: "Video", reconstruction: "Network", error: "Error of the network" };
        part.picturesTitle.textContent = texts[state.picture];
        part.sourceBar.replaceChildren();
        frame.classList.toggle("empty", !answer);
        if (!answer) {
            if (!about.video && state.picture === "video") frame.dataset.text = "There is no video of this network.";
            canvas.width = canvas.height = 0;
        } else if (answer.image) {
            paintColours(canvas, answer.image, about.height, about.width);
        } else {
            paint(canvas, answer.error, about.height, about.width, STEPS, colours.magnitude, false);
            bar(part.sourceBar, answer.scale, false, `root of squared error, in colours · PSNR of the frame ${answer.psnr.toFixed(2)} dB`);
        }
        read();
    }

    function drawHeat(pictured, name, barName, titleName) {
        return (answer) => {
            const { canvas, frame } = part[pictured];
            const layer = name === "heatB" ? JSON.parse(views[name]?.key ?? "{}").layer : state.layer;
            const text = name === "heatB" && state.other ? `${[state.other.split("/").slice(1).join(" · ") || state.other, layer].filter(Boolean).join(" · ")}` : `All neurons of ${layer}`;
            part[titleName].textContent = text;
            part[barName].replaceChildren();
            frame.replaceChildren(canvas, part[pictured].over);
            frame.classList.toggle("empty", !answer?.heat);
            if (answer?.heat) {
                paint(canvas, answer.heat, about.height, about.width, STEPS, colours.magnitude, false);
                bar(part[barName], answer.scale, false, "Σ|C| over neurons");
            } else {
                canvas.width = canvas.height = 0;
                if (answer?.seconds) {
                    frame.append(costing(answer.seconds, () => show(name, { ...JSON.parse(views[name].key), compute: true }, drawHeat(pictured, name, barName, titleName))));
                }
            }
            read();
        };
    }

    /** A button that says what an answer costs. */
    function costing(seconds, act) {
        const cost = seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} minutes`;
        return element("button", { type: "button", class: "cost", onclick: (event) => { event.stopPropagation(); act(); } }, `Compute: about ${cost}`);
    }

    /** A colour bar with its ends and middle. */
    function bar(into, top, signed, label) {
        const canvas = element("canvas", { "aria-hidden": "true" });
        const steps = Int16Array.from({ length: 256 }, (_, at) => (signed ? at - 127.5 : at));
        paint(canvas, steps, 1, 256, signed ? 127.5 : 255, signed ? colours.signed : colours.magnitude, signed);
        if (!top) {
            into.replaceChildren(element("span", { class: "label" }, `${label}: 0 everywhere`));
            return;
        }
        const ends = signed ? [-top, 0, top] : [0, top / 2, top];
        into.replaceChildren(element("div", { class: "ramp" }, canvas,
            element("div", { class: "ends" }, ...ends.map((one) => element("span", {}, short(one))))), element("span", { class: "label" }, label));
    }

    function rowsOf(answer, network, prefix, onpick) {
        const by = answer.columns.effect ? "effect" : answer.columns.blame ? "blame" : answer.columns.gained ? "gained" : "contribution";
        const values = answer[by];
        const most = Math.max(...values.map(Math.abs), 0) || 1;
        const several = new Set(answer.layer).size > 1;
        return answer.neuron.map((neuron, at) => {
            const length = element("i", {});
            length.style.width = `${(100 * Math.max(0, values[at])) / most}%`;
            const channels = answer.in_channel && answer.in_channel[at] >= 0 ? `${answer.in_channel[at]}→${answer.out_channel[at] >= 0 ? answer.out_channel[at] : "all"}` : "";
            const times = answer.over_representation?.[at];
            const row = element("div", { class: "option", role: "option", id: `${prefix}-${at}`, "data-layer": answer.layer[at], "data-neuron": String(neuron), "aria-selected": "false" },
                element("span", { class: "place" }, String(at + 1)), element("canvas", { class: "thumb", "aria-hidden": "true" }),
                element("span", { class: "who" }, element("b", {}, grouped(neuron)), element("small", {}, several ? `${answer.layer[at]} ${channels}` : channels)),
                element("span", { class: "much" }, element("span", { class: "length" }, length), element("small", {}, number(values[at]))),
                element("span", { class: "share" }, percent(answer.share?.[at]), element("small", {}, times === undefined || times === null ? "" : `${number(times)}×`)));
            row.addEventListener("click", () => { if (about) onpick(answer.layer[at], neuron); });
            return row;
        });
    }

    const WORDS = { contribution: "Σ|C|", gained: "Σ|gained|", effect: "the effect of ablation", blame: "the squared error" };

    function cover(into, answer, where, by) {
        const count = answer.neuron.length;
        const text = element("p", {});
        const several = state.everywhere;
        if (answer.estimated) {
            text.append(element("b", {}, "Estimated"), ` for all ${grouped(answer.of)} neurons; exact values of the best follow.`);
        } else if (by === "blame") {
            const best = answer.share?.[0];
            text.append(answer.verdict ? (several ? answer.verdict : `Of all layers: ${answer.verdict[0].toLowerCase()}${answer.verdict.slice(1)}`) : `Without the first of ${grouped(answer.of)} neurons, ${percent(best)} of the squared error is gone.`);
        } else if (answer.covered === null) {
            text.append(element("b", {}, "All 0"), `: none of the ${grouped(answer.of)} neurons of ${answer.layer[0] ?? state.layer} contributes to this ${where} in frame ${state.frame}, so there is no ranking.`);
        } else {
            text.append(element("b", {}, percent(answer.covered)), ` of ${WORDS[by]} at this ${where} ${by === "effect" ? "comes from" : "is made by"} the ${count === 1 ? "neuron" : `${count} neurons`} listed, of ${grouped(answer.of)}`);
            if (count > 5 && answer.cumulative) text.append("; ", element("span", { class: "whole" }, `${percent(answer.cumulative[4])} by the first five`));
        }
        const filled = element("i", {});
        filled.style.width = `${100 * Math.min(1, Math.max(0, answer.covered ?? answer.share?.[0] ?? 0))}%`;
        into.replaceChildren(element("div", { class: "meter", "aria-hidden": "true" }, filled), text);
        if (by === "blame" && !answer.estimated) into.append(element("small", {}, "Exact for those listed; the shares do not add up."));
    }

    const whereWord = () => (state.place.pixel ? "pixel" : state.place.box ? "box" : state.place.instance ? "instance" : "frame");

    function drawList(answer) {
        part.listTitle.textContent = `Neurons that ${state.by === "effect" ? "matter to" : "make"} ${state.place.pixel ? `pixel (${state.place.pixel.join(", ")})` : state.place.box ? "the box" : state.place.instance ?? "the frame"}`;
        if (state.by === "blame") part.listTitle.textContent = `Who is to blame for the error in the ${whereWord()}`;
        part.more.hidden = true;
        if (!answer) {
            part.rows.replaceChildren();
            delete part.rows.dataset.key;
            part.covered.replaceChildren();
            showNeuron();
            return;
        }
        const shown = JSON.stringify([views.list.key, answer.estimated]);
        part.list.classList.toggle("estimated", Boolean(answer.estimated));
        if (part.rows.dataset.key !== shown) {
            part.rows.dataset.key = shown;
            part.rows.replaceChildren(element("div", { class: "heads", "aria-hidden": "true" }, ...[["", ""], ["map", "Each thumbnail has a scale of its own"], ["neuron", "Number; below it, input → output channel"], [RANKINGS[state.by][1], RANKINGS[state.by][2]],
                state.by === "blame" ? ["share", "Of the squared error here; shares do not add up"] : ["share · × even", "Share of the total over all neurons; below it, how many times what it were if the neuron's total were spread evenly over the frame"]]
                .map(([text, more]) => element("span", { title: more }, text))),
                ...rowsOf(answer, state.network, `row-${Math.random().toString(36).slice(2, 7)}`, choose));
            part.rows.firstChild.setAttribute("role", "presentation");
            cover(part.covered, answer, whereWord(), state.by);
        }
        part.more.hidden = answer.neuron.length < state.count || state.count >= 500;
        showNeuron();
        thumbnails("thumbs", answer, state.network, part.rows);
    }

    function drawListB(answer) {
        part.listBTitle.textContent = state.other ? `Neurons that make it in ${state.other.split("/").slice(1).join(" · ")}` : "";
        if (!answer) {
            part.rowsB.replaceChildren();
            part.coveredB.replaceChildren();
            return;
        }
        part.rowsB.replaceChildren(...rowsOf(answer, state.other, "beside", (layer, neuron) => showB(layer, neuron, null)));
        cover(part.coveredB, answer, whereWord(), "contribution");
        thumbnails("thumbsB", answer, state.other, part.rowsB);
    }

    function thumbnails(name, answer, network, rows) {
        const layers = [...new Set(answer.layer)];
        layers.forEach((layer, at) => {
            const wanted = answer.neuron.filter((_, one) => answer.layer[one] === layer);
            const question = { ask: "thumbnails", network, layer, frame: state.frame, neurons: wanted, width: 72, signed: state.signed, gained: state.gained };
            show(`${name}${at}`, question, (found) => {
                if (!found) return;
                const [, height, width] = found.maps.shape;
                const signed = JSON.parse(views[`${name}${at}`].key).signed;
                for (const row of rows.querySelectorAll("[role=option]")) {
                    const place = row.dataset.layer === layer ? wanted.indexOf(Number(row.dataset.neuron)) : -1;
                    if (place < 0) continue;
                    const one = found.maps.subarray(place * height * width, (place + 1) * height * width);
                    paint(row.querySelector("canvas"), one, height, width, SMALL_STEPS, signed ? colours.signed : colours.magnitude, signed);
                }
            }, name === "thumbs" ? "list" : "listB");
        });
    }

    function drawMap(answer) {
        const one = chosen();
        const { canvas, frame } = part.mapped;
        frame.classList.toggle("empty", !answer);
        part.mapBar.replaceChildren();
        part.facts.textContent = "";
        part.belief.replaceChildren();
        if (!answer || !one) {
            part.mapTitle.textContent = "Map of a neuron";
            frame.dataset.text = "No neuron to show";
            canvas.width = canvas.height = 0;
            return;
        }
        const channels = answer.in_channel >= 0 ? ` (${answer.in_channel}→${answer.out_channel >= 0 ? answer.out_channel : "all"})` : "";
        part.mapTitle.textContent = `${one.layer} · neuron ${grouped(one.neuron)}${channels}`;
        paint(canvas, answer.map, about.height, about.width, STEPS, state.signed ? colours.signed : colours.magnitude, state.signed);
        const kind = state.gained ? "gained" : "C";
        bar(part.mapBar, answer.scale, state.signed, state.signed ? (state.gained ? "gained contribution" : "C") : `|${kind}|`);
        const faith = about.faithfulness[one.layer];
        const meter = element("i", {});
        if (faith && faith.r !== null) {
            meter.style.width = `${100 * Math.max(0, faith.r)}%`;
            part.belief.append(element("span", { class: "meter", "aria-hidden": "true" }, meter),
                `How far to believe |C| of ${one.layer}: over pixels, r = ${faith.r.toFixed(2)} with what the output loses without the neuron (95 % interval ${faith.low.toFixed(2)} to ${faith.high.toFixed(2)}).`);
        } else if (faith) {
            part.belief.append(`How far to believe |C| of ${one.layer}: r with what the output loses is not defined, as its maps do not vary.`);
        } else {
            part.belief.append(`How far to believe maps of ${one.layer} was not measured: add faithfulness: {} to the analyses of the configuration.`);
        }
        mark();
        read();
    }

    function drawCourse(answer) {
        part.courseTitle.textContent = `Over time, in the ${whereWord()}`;
        part.chart.replaceChildren();
        if (answer?.seconds) {
            part.chart.append(costing(answer.seconds, () => show("course", { ...JSON.parse(views.course.key), compute: true }, drawCourse)));
            return;
        }
        if (!answer || answer.frames.length < 2) {
            const text = answer?.reason ?? (answer ? "The canvas has one frame." : "");
            if (text) part.chart.append(element("p", { class: "nothing" }, text));
            return;
        }
        part.chart.append(chart(answer, Math.max(240, part.chart.clientWidth || 400), 148));
    }

    /** Line over frames with axes; a press chooses the frame. */
    function chart(answer, width, height) {
        const values = state.signed ? answer.signed : answer.magnitude;
        const known = values.filter((one) => one !== null);
        const ends = [Math.min(0, ...known), Math.max(0, ...known)];
        if (ends[0] === ends[1]) ends[1] = 1;
        const step = apart(...ends, 3);
        const [first, last] = [Math.floor(ends[0] / step + 1e-9), Math.ceil(ends[1] / step - 1e-9)];
        const ups = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
        const low = first * step, high = last * step;
        const decimals = Math.max(...ups.map((one) => (short(one).split(".")[1] ?? "").length));
        const written = ups.map((one) => (/e/.test(short(one)) || !decimals ? short(one) : grouped(one.toFixed(decimals))));
        const left = 14 + 6.2 * Math.max(...written.map((one) => one.length)), right = 10, top = 26, bottom = 30;
        const x = (at) => left + (at / (answer.frames.length - 1)) * (width - left - right);
        const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - bottom - top);
        const ink = inkOf("ink"), quiet = inkOf("quiet"), line = inkOf("line"), accent = inkOf("accent");
        const made = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "font-size": 11, "font-family": "system-ui, sans-serif",
            "aria-label": `${state.signed ? "Contribution" : "Magnitude of contribution"} over ${answer.frames.length} frames, largest at frame ${answer.frames[values.indexOf(Math.max(...known))]}` });
        const kind = state.gained ? "gained" : "C", one = Boolean(state.place.pixel);
        const up = `${one ? "" : "Σ"}${state.signed ? kind : `|${kind}|`} ${one ? `at pixel (${state.place.pixel.join(", ")})` : `over the pixels of the ${whereWord()}`}`;
        made.append(drawing("text", { x: 0, y: 11, fill: quiet }, up));
        ups.forEach((value, at) => {
            made.append(drawing("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: line }),
                drawing("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", fill: quiet }, written[at]));
        });
        const every = Math.max(1, Math.ceil(answer.frames.length / Math.max(2, Math.floor((width - left) / 44))));
        answer.frames.forEach((frame, at) => {
            if (at % every === 0) made.append(drawing("text", { x: x(at), y: height - bottom + 15, "text-anchor": "middle", fill: quiet }, String(frame)));
        });
        made.append(drawing("text", { x: width - right, y: height - 2, "text-anchor": "end", fill: quiet }, "frame"));
        const now = answer.frames.indexOf(state.frame);
        made.append(drawing("line", { x1: x(now), x2: x(now), y1: top - 4, y2: height - bottom, stroke: accent, "stroke-dasharray": "3 3" }));
        let path = "", pen = "M";
        values.forEach((value, at) => {
            if (value === null) pen = "M";
            else { path += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`; pen = "L"; }
        });
        made.append(drawing("path", { d: path, fill: "none", stroke: ink, "stroke-width": 1.6, "stroke-linejoin": "round" }));
        values.forEach((value, at) => {
            if (value !== null) made.append(drawing("circle", { cx: x(at), cy: y(value), r: at === now ? 4 : 2, fill: at === now ? accent : ink }));
        });
        made.addEventListener("click", (event) => {
            const box = made.getBoundingClientRect();
            const place = (((event.clientX - box.left) / box.width) * width - left) / (width - left - right);
            set({ frame: answer.frames[Math.min(answer.frames.length - 1, Math.max(0, Math.round(place * (answer.frames.length - 1))))] });
        });
        return made;
    }

    let places = null;
    function drawPoints(answer) {
        part.points.hidden = !answer && !about.clusters.length;
        const canvas = part.scatter.querySelector("canvas");
        places = null;
        part.scatter.classList.toggle("empty", !answer);
        canvas.hidden = !answer;
        part.pointText.textContent = "";
        if (!answer) {
            part.scatter.dataset.text = about.clusters.length ? "No layout of this layer." : "";
            canvas.width = canvas.height = 0;
            return;
        }
        const ratio = window.devicePixelRatio || 1;
        const width = Math.max(200, part.scatter.clientWidth), height = Math.round(width * 0.42);
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        canvas.style.height = `${height}px`;
        const pen = canvas.getContext("2d");
        pen.scale(ratio, ratio);
        const span = (axis) => {
            let low = Infinity, high = -Infinity;
            for (let at = axis; at < answer.place.length; at += 2) {
                low = Math.min(low, answer.place[at]);
                high = Math.max(high, answer.place[at]);
            }
            return [low, high - low || 1];
        };
        const [[x0, xs], [y0, ys]] = [span(0), span(1)];
        const one = chosen();
        places = Array.from({ length: answer.neuron.length }, (_, at) => ({
            x: 8 + ((answer.place[2 * at] - x0) / xs) * (width - 16), y: height - 8 - ((answer.place[2 * at + 1] - y0) / ys) * (height - 16),
            neuron: answer.neuron[at], own: answer.own[at] === 1, cluster: answer.cluster[at],
        }));
        for (const own of [false, true]) {
            for (const each of places) {
                if (each.own !== own) continue;
                pen.globalAlpha = own ? 0.9 : 0.22;
                pen.fillStyle = palette[each.cluster % palette.length];
                pen.beginPath();
                pen.arc(each.x, each.y, own ? 2.4 : 1.8, 0, 7);
                pen.fill();
            }
        }
        const there = one && one.layer === state.layer ? places.find((each) => each.own && each.neuron === one.neuron) : null;
        pen.globalAlpha = 1;
        if (there) {
            pen.strokeStyle = inkOf("ink");
            pen.lineWidth = 2;
            pen.beginPath();
            pen.arc(there.x, there.y, 7, 0, 7);
            pen.stroke();
        }
        const mine = places.filter((each) => each.own).length;
        canvas.setAttribute("aria-label", `Layout of ${mine} neurons of ${state.layer} by their maps, in ${answer.clusters} clusters`);
        const all = layerOf(state.layer).neurons;
        part.pointText.textContent = !mine ? `None of the neurons of ${state.layer} is in the layout: its maps are 0, or it is of other seeds.` : `UMAP of the maps of ${mine < all ? `${grouped(mine)} of ${grouped(all)}` : grouped(mine)} neurons of ${state.layer}, colour: cluster${mine < places.length ? ", faint: other seeds" : ""}${answer.frame === state.frame ? "" : `, frame ${answer.frame}`}${one && !there ? "; the neuron on show is not among them" : ""}`;
    }

    /** The region and the pixel in all pictures. */
    function mark() {
        if (!about) return;
        const { height, width } = about;
        const labels = views.labels?.answer;
        const { pixel, box, instance } = dragging?.place ?? state.place;
        const shape = () => {
            if (pixel) {
                const [y, x] = pixel;
                const reach = Math.max(2, Math.round(width / 24));
                const cross = `M${x - reach} ${y + 0.5}H${x - 0.5}M${x + 1.5} ${y + 0.5}H${x + 1 + reach}M${x + 0.5} ${y - reach}V${y - 0.5}M${x + 0.5} ${y + 1.5}V${y + 1 + reach}`;
                return `${cross}M${x} ${y}h1v1h-1z`;
            }
            if (box) return `M${box[2]} ${box[0]}H${box[3]}V${box[1]}H${box[2]}Z`;
            if (instance && labels) return outline(labels.labels, labels.names.indexOf(instance) + 1, height, width);
            return "";
        };
        const path = shape();
        for (const name of ["source", "heatmap", "mapped", "heatmapB", "mappedB"]) {
            const { over } = part[name];
            over.setAttribute("viewBox", `0 0 ${width} ${height}`);
            over.replaceChildren(...(path ? [drawing("path", { d: path, class: "halo" }), drawing("path", { d: path, class: "mark" })] : []));
        }
    }

    /** Values under the pointer, or at the pixel. */
    function read() {
        if (!about) return;
        const at = hovered ?? state.place.pixel;
        if (!at) {
            part.readout.textContent = placeText();
            part.facts.textContent = views.map?.answer ? `Σ|${state.gained ? "gained" : "C"}| over the frame = ${number(views.map.answer.total)}` : "";
            return;
        }
        const [y, x] = at;
        const place = y * about.width + x;
        const words = [`y ${y}, x ${x}`];
        const shown = views.pictures?.answer, heat = views.heat?.answer, map = views.map?.answer;
        if (shown?.image) words.push(`rgb ${shown.image[3 * place]} ${shown.image[3 * place + 1]} ${shown.image[3 * place + 2]}`);
        if (shown?.error) words.push(`error ${number((shown.error[place] * shown.scale) / STEPS)}`);
        if (heat?.heat) words.push(`Σ|C| ${number((heat.heat[place] * heat.scale) / STEPS)}`);
        const labels = views.labels?.answer;
        if (labels && labels.labels[place]) words.push(labels.names[labels.labels[place] - 1]);
        part.readout.textContent = words.join(" · ");
        if (map) {
            const value = (map.map[place] * map.scale) / STEPS;
            const kind = state.gained ? "gained" : "C";
            part.facts.textContent = `${state.signed ? kind : `|${kind}|`} = ${number(state.signed ? value : Math.abs(value))} at (${y}, ${x}) · Σ|${kind}| over the frame = ${number(map.total)}`;
        }
    }

    // ------------------------------------------------------------------ beside
    function matchB() {
        const one = chosen();
        if (!state.other || !beside || !one || beside.height !== about.height || beside.width !== about.width || !beside.frames.includes(state.frame)) return;
        const layer = beside.layers.some((each) => each.name === one.layer) ? one.layer : beside.layers.at(-1).name;
        show("matchB", { ask: "match", network: state.network, layer: one.layer, frame: state.frame, neuron: one.neuron, other: state.other, other_layer: layer },
            (found) => { if (found) showB(layer, found.neuron, found.similarity); }, "mapB");
    }

    function showB(layer, neuron, similarity) {
        const at = neuron === null ? null : { ask: "map", network: state.other, layer, frame: state.frame, neuron, gained: false };
        show("mapB", at, (answer) => {
            const { canvas, frame } = part.mappedB;
            frame.classList.toggle("empty", !answer);
            part.mapBarB.replaceChildren();
            if (!answer) {
                part.mapBTitle.textContent = "No neuron is like it";
                canvas.width = canvas.height = 0;
                return;
            }
            paint(canvas, answer.map, about.height, about.width, STEPS, state.signed ? colours.signed : colours.magnitude, state.signed);
            bar(part.mapBarB, answer.scale, state.signed, state.signed ? "C" : "|C|");
            part.mapBTitle.textContent = `${layer} · neuron ${grouped(neuron)} beside`;
            part.factsB.textContent = similarity === null ? "Chosen in the list beside." : `Most similar to the neuron above: r = ${similarity.toFixed(2)} of |C|, averaged over the cells of a grid.`;
        });
    }

    // ------------------------------------------------------------------ pins
    function drawPins() {
        part.pinned.hidden = !state.pins.length;
        const key = JSON.stringify(state.pins);
        if (part.pinned.dataset.key !== key) {
            part.pinned.dataset.key = key;
            part.pinned.replaceChildren(...state.pins.map((pin, at) => {
                const canvas = element("canvas", { "aria-hidden": "true" });
                const take = element("button", { type: "button", class: "pin", "aria-label": `Show ${pin.layer} neuron ${pin.neuron}` }, canvas);
                take.addEventListener("click", () => choose(pin.layer, pin.neuron));
                const drop = element("button", { type: "button", class: "drop", "aria-label": `Unpin ${pin.layer} neuron ${pin.neuron}` }, "×");
                drop.addEventListener("click", () => set({ pins: state.pins.filter((_, one) => one !== at) }));
                return element("figure", {}, take, element("figcaption", {}, element("span", {}, element("b", {}, `${pin.layer} · ${grouped(pin.neuron)}`), element("small", {}, "")), drop));
            }));
        }
        state.pins.forEach((pin, at) => {
            const figure = part.pinned.children[at];
            show(`pin${at}`, { ask: "map", network: state.network, layer: pin.layer, frame: state.frame, neuron: pin.neuron, gained: state.gained }, (answer) => {
                if (!answer || !figure.isConnected) return;
                paint(figure.querySelector("canvas"), answer.map, about.height, about.width, STEPS, state.signed ? colours.signed : colours.magnitude, state.signed);
                figure.querySelector("small").textContent = `up to ${number(answer.scale)}`;
            }, "map");
        });
    }

    function pin() {
        const one = chosen();
        if (!one || state.pins.some((each) => each.layer === one.layer && each.neuron === one.neuron)) return;
        set({ pins: [...state.pins, one].slice(-12) });
    }

    // ------------------------------------------------------------------ pointing
    let dragging = null;
    const clamp = (value, high) => Math.max(0, Math.min(high - 1, value));
    function pixelAt(frame, event) {
        const box = frame.getBoundingClientRect();
        return [clamp(Math.floor(((event.clientY - box.top) / box.height) * about.height), about.height), clamp(Math.floor(((event.clientX - box.left) / box.width) * about.width), about.width)];
    }
    function boxOf([y0, x0], [y1, x1]) {
        return [Math.min(y0, y1), Math.max(y0, y1) + 1, Math.min(x0, x1), Math.max(x0, x1) + 1];
    }
    for (const name of ["source", "heatmap", "mapped", "heatmapB", "mappedB"]) {
        const { frame } = part[name];
        frame.addEventListener("pointerdown", (event) => {
            if (!about || event.button !== 0 || event.target.closest("button")) return;
            frame.setPointerCapture(event.pointerId);
            dragging = { from: pixelAt(frame, event), x: event.clientX, y: event.clientY, frame };
            event.preventDefault();
            frame.focus({ preventScroll: true });
        });
        frame.addEventListener("pointermove", (event) => {
            if (!about) return;
            hovered = pixelAt(frame, event);
            if (dragging?.frame === frame && (dragging.place || Math.hypot(event.clientX - dragging.x, event.clientY - dragging.y) > 4)) {
                dragging.place = { box: boxOf(dragging.from, hovered) };
                mark();
            }
            read();
        });
        frame.addEventListener("pointerup", (event) => {
            if (!about || !dragging || dragging.frame !== frame) return;
            const { place, from } = dragging;
            dragging = null;
            const [y0, y1, x0, x1] = place?.box ?? [0, 1, 0, 1];
            set({ place: place && (y1 - y0) * (x1 - x0) > 1 ? place : { pixel: event.type === "pointerup" ? pixelAt(frame, event) : from } });
        });
        frame.addEventListener("pointercancel", () => { dragging = null; mark(); });
        frame.addEventListener("pointerleave", () => { hovered = null; read(); });
        frame.addEventListener("dblclick", (event) => {
            if (!about) return;
            const labels = views.labels?.answer;
            const [y, x] = pixelAt(frame, event);
            const label = labels?.labels[y * about.width + x];
            if (label) set({ place: { instance: labels.names[label - 1] } });
        });
        frame.addEventListener("keydown", (event) => move(event));
    }
    /** Arrows move the pixel or the box. */
    function move(event) {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (!step || !about || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const [dy, dx] = step.map((one) => one * (event.shiftKey ? 8 : 1));
        const { pixel, box } = state.place;
        if (box) {
            const [y0, y1, x0, x1] = box;
            const my = Math.max(-y0, Math.min(about.height - y1, dy)), mx = Math.max(-x0, Math.min(about.width - x1, dx));
            set({ place: { box: [y0 + my, y1 + my, x0 + mx, x1 + mx] } });
        } else {
            const [y, x] = pixel ?? [about.height >> 1, about.width >> 1];
            set({ place: { pixel: [clamp(y + dy, about.height), clamp(x + dx, about.width)] } });
        }
    }
    /** A box of an eighth of the height around the pixel; of a box, the pixel in its middle. */
    function boxed() {
        const { pixel, box } = state.place;
        const side = Math.max(2, about.height >> 3), edge = (at, high) => Math.max(0, Math.min(high - side, at - (side >> 1)));
        if (box) set({ place: { pixel: [(box[0] + box[1] - 1) >> 1, (box[2] + box[3] - 1) >> 1] } });
        else if (pixel) {
            const [y, x] = [edge(pixel[0], about.height), edge(pixel[1], about.width)];
            set({ place: { box: [y, y + side, x, x + side] } });
        }
    }
    /** A box larger or smaller by a pixel at each edge. */
    function resize(by) {
        if (!state.place.box) return;
        const [y0, y1, x0, x1] = state.place.box;
        const box = [Math.max(0, y0 - by), Math.min(about.height, y1 + by), Math.max(0, x0 - by), Math.min(about.width, x1 + by)];
        if (box[0] < box[1] && box[2] < box[3]) set({ place: { box } });
    }
    const scatter = part.scatter.querySelector("canvas");
    const nearest = (event) => {
        const box = scatter.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        return (places ?? []).filter((one) => one.own).map((one) => [Math.hypot(one.x - x, one.y - y), one]).filter(([far]) => far < 14).sort((a, b) => a[0] - b[0])[0]?.[1];
    };
    scatter.addEventListener("pointermove", (event) => {
        const one = nearest(event);
        scatter.title = one ? `neuron ${one.neuron}, cluster ${one.cluster + 1}` : "";
        scatter.style.cursor = one ? "pointer" : "default";
    });
    scatter.addEventListener("click", (event) => {
        const one = nearest(event);
        if (one && about) choose(state.layer, one.neuron);
    });

    // ------------------------------------------------------------------ controls
    const pick = (video, model, seed) => {
        const of = networks.filter((one) => one.video === video);
        const best = of.find((one) => one.model === model && one.seed === seed) ?? of.find((one) => one.model === model) ?? of[0];
        set({ network: best.name, neuron: null, pins: [], other: null });
    };
    const currentNetwork = () => networks.find((one) => one.name === state.network);
    const on = (target, kind, act) => target.addEventListener(kind, () => { if (about) act(); }); // not while a network loads
    on(part.video, "change", () => pick(part.video.value, currentNetwork().model, currentNetwork().seed));
    on(part.model, "change", () => pick(currentNetwork().video, part.model.value, currentNetwork().seed));
    on(part.seed, "change", () => pick(currentNetwork().video, currentNetwork().model, part.seed.value));
    on(part.layer, "change", () => set({ layer: part.layer.value, neuron: null }));
    on(part.other, "change", () => {
        set({ other: part.other.value || null });
        if (state.other) part.besideRow.scrollIntoView({ block: "nearest" });
    });
    on(part.frame, "input", () => set({ frame: about.frames[Number(part.frame.value)] }));
    on(part.instance, "change", () => set({ place: part.instance.value ? { instance: part.instance.value } : { pixel: [about.height >> 1, about.width >> 1] } }));
    const buttons = (group, act) => group.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button && about) act(button.dataset.value);
    });
    buttons(part.what, (picture_) => set({ picture: picture_ }));
    buttons(part.by, (by) => set({ by, count: 24 }));
    buttons(part.shown, (which) => set({ [which]: !state[which] }));
    on(part.everywhere, "change", () => set({ everywhere: part.everywhere.checked }));
    on(part.worst, "click", () => {
        const box = worst();
        if (box) set({ place: { box } });
    });
    on(part.more, "click", () => set({ count: Math.min(500, state.count * 4) }));
    on(part.follow, "click", () => set({ neuron: null }));
    on(part.pin, "click", pin);
    on(part.play, "click", () => play(!playing));
    part.help.addEventListener("click", keys);
    on(part.tourButton, "click", () => guide(0));
    part.rows.addEventListener("keydown", (event) => {
        if (!about) return;
        const rows = [...part.rows.querySelectorAll("[role=option]")];
        const now = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
        const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: rows.length - 1 }[event.key];
        if (to === undefined || !rows.length) return;
        event.preventDefault();
        const row = rows[clamp(to, rows.length)];
        choose(row.dataset.layer, Number(row.dataset.neuron));
        row.scrollIntoView({ block: "nearest" });
    });
    (options.alone ? document : root).addEventListener("keydown", (event) => {
        if (!about || closed || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, dialog")) return;
        const step = (by) => set({ frame: about.frames[clamp(about.frames.indexOf(state.frame) + by, about.frames.length)] });
        const acts = {
            ",": () => step(-1), ".": () => step(1), s: () => set({ signed: !state.signed }), p: pin, Escape: () => (tour === null ? set({ neuron: null }) : guide(null)), "?": keys,
            g: () => about.gains && set({ gained: !state.gained }),
            b: boxed, "+": () => resize(1), "-": () => resize(-1), v: () => part.source.frame.focus(), l: () => part.rows.focus(),
        };
        if (event.key.startsWith("Arrow") && event.target === document.body) {
            part.source.frame.focus();
            move(event);
            return;
        }
        if (event.key === " " && event.target.closest(".frame, .rows")) acts[" "] = () => play(!playing);
        if (!acts[event.key]) return;
        event.preventDefault();
        acts[event.key]();
    }, { signal: listeners.signal });

    async function play(on) {
        if (playing || !on) {
            playing = on;
            part.play.textContent = on ? "❚❚" : "▶";
            return;
        }
        playing = true;
        part.play.textContent = "❚❚";
        part.play.setAttribute("aria-label", "Pause");
        while (playing && !closed) {
            const start = performance.now();
            if (about) set({ frame: about.frames[(about.frames.indexOf(state.frame) + 1) % about.frames.length] });
            do { await new Promise((done) => setTimeout(done, 30)); } while (playing && !closed && (pending > 0 || performance.now() - start < 120));
        }
        part.play.textContent = "▶";
        part.play.setAttribute("aria-label", "Play");
    }

    function keys() {
        const list = [["click, drag", "a pixel, a box"], ["double click", "the annotated instance"], ["arrows", "move the pixel or box; shift: by eight"], [", and .", "frame before, frame after"],
            ["space", "play, on a picture or the list"], ["b", "a box around the pixel, and back"], ["+ and −", "a larger box, a smaller one"], ["v, l", "to the video, to the list"], ["up, down", "neurons of the list"], ["s, g", "signed, gained maps"], ["p", "pin the map"], ["Esc", "follow the list again"]];
        part.dialog.replaceChildren(element("h2", {}, "Keys"), element("dl", {}, ...list.flatMap(([key, text]) => [element("dt", {}, key), element("dd", {}, text)])),
            element("form", { method: "dialog" }, element("button", { onclick: (event) => { event.preventDefault(); part.dialog.close(); } }, "Close")));
        part.dialog.showModal();
    }

    // ------------------------------------------------------------------ tour
    const STEPS_OF_TOUR = [
        ["pictures", "A pixel and its neurons", "Click anywhere in the video. The list in the middle ranks the neurons that make this pixel: each of them adds its own map to the picture, and here its value is largest.",
            () => set({ layer: about.layers.at(-1).name, place: { pixel: [about.height >> 1, about.width >> 1] }, neuron: null, by: "contribution", picture: "video" })],
        ["list", "How much of it the list covers", "In the first layer, contributions are spread over thousands of neurons: the line above the list says how little of the pixel those on show make. In the last layer a few make most of it.",
            () => set({ layer: about.layers[0].name, neuron: null })],
        ["course", "What a neuron makes over time", "Choose a neuron and press play. Its map follows the frame, and the curve shows its contribution at your pixel. A press on the curve goes to that frame.",
            () => set({ layer: about.layers.at(-1).name, neuron: chosen()?.layer === about.layers.at(-1).name ? chosen().neuron : null, frame: about.frames[about.frames.length >> 1] })],
        ["pictures", "An error, and who is to blame", "This is the error of the network; the box lies on its worst place. Ranked by blame, the list says how much of the error is gone without each neuron, and above it, whether any neuron stands out. Mostly none does.",
            () => {
                if (!about.model || !about.video) return;
                set({ picture: "error" });
                whenIdle(() => {
                    const box = worst();
                    if (box) set({ place: { box }, by: "blame", everywhere: true, neuron: null });
                });
            }],
        ["map", "How far to believe a map", "Below each map stands how well maps of its layer agree with what the output really loses without a neuron. Where this is low, trust the effect (ranked by effect), not the map.",
            () => set({ by: "effect", everywhere: false, neuron: null })],
    ];
    /** The square of an eighth of the height with the largest squared error; null where no error is shown. */
    function worst() {
        const shown = views.pictures?.answer;
        if (!shown?.error) return null;
        const side = Math.max(2, about.height >> 3), half = Math.max(1, side >> 1);
        let best = -1, at = [0, 0];
        for (let y = 0; y + side <= about.height; y += half) {
            for (let x = 0; x + side <= about.width; x += half) {
                let sum = 0;
                for (let dy = 0; dy < side; dy += 1) for (let dx = 0; dx < side; dx += 1) sum += shown.error[(y + dy) * about.width + x + dx] ** 2;
                if (sum > best) { best = sum; at = [y, x]; }
            }
        }
        return [at[0], at[0] + side, at[1], at[1] + side];
    }
    function whenIdle(act) {
        const wait = () => (pending ? setTimeout(wait, 40) : closed || act());
        setTimeout(wait, 40);
    }
    function guide(step) {
        for (const one of root.querySelectorAll(".pointed")) one.classList.remove("pointed");
        tour = step;
        part.guide.hidden = step === null;
        if (step === null || !about) return;
        const [where, heading, text, act] = STEPS_OF_TOUR[step];
        act();
        part[where].classList.add("pointed");
        part[where].scrollIntoView({ block: "nearest" });
        const move = (to) => () => guide(to);
        part.guide.replaceChildren(element("small", {}, `${step + 1} of ${STEPS_OF_TOUR.length}`), element("h2", {}, heading), element("p", {}, text),
            element("div", { class: "row" }, ...(step ? [element("button", { type: "button", onclick: move(step - 1) }, "Back")] : []),
                element("button", { type: "button", class: "next", onclick: move(step + 1 < STEPS_OF_TOUR.length ? step + 1 : null) }, step + 1 < STEPS_OF_TOUR.length ? "Next" : "Done"),
                ...(step + 1 < STEPS_OF_TOUR.length ? [element("button", { type: "button", onclick: move(null) }, "End")] : [])));
        part.guide.querySelector(".next").focus({ preventScroll: true });
    }

    // ------------------------------------------------------------------ export
    const fileName = (suffix) => `${[state.network, state.layer, `frame${state.frame}`].join("-").replace(/[^\w.-]+/g, "-")}.${suffix}`;
    function save(content, type, suffix) {
        const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
        const link = element("a", { href: address, download: fileName(suffix) });
        root.append(link);
        link.click();
        link.remove();
        setTimeout(() => URL.revokeObjectURL(address), 10000);
        say(`Saved ${fileName(suffix)}`);
    }

    function csv() {
        const answer = views.list?.answer;
        if (!answer) return "";
        const names = Object.keys(answer.columns);
        const cell = (value) => (value === null ? "" : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
        const headings = names.map((name) => (answer.estimated && name === state.by ? `${name} (estimated)` : name));
        return [headings.join(","), ...answer.neuron.map((_, at) => names.map((name) => cell(answer[name][at])).join(","))].join("\n") + "\n";
    }

    /** The view as one SVG: pictures, the list's beginning, the map and its course. */
    function figure() {
        const ink = inkOf("ink"), quiet = inkOf("quiet"), paper = inkOf("paper"), accent = inkOf("accent");
        const wide = 340, high = Math.round((wide * about.height) / about.width), gap = 24, top = 56;
        const height = top + 2 * (high + 54) + 40;
        const columns = [gap, gap + wide + gap, gap + 2 * (wide + gap)];
        const made = drawing("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${columns[2] + wide + gap} ${height}`, width: columns[2] + wide + gap, height, "font-family": "system-ui, sans-serif", "font-size": 12, fill: ink });
        const write = (text, x, y, more = {}) => made.append(drawing("text", { x, y, ...more }, text));
        const image = (canvas, x, y, w, h) => {
            if (canvas?.width) made.append(drawing("image", { href: canvas.toDataURL(), x, y, width: w, height: h, preserveAspectRatio: "none", "image-rendering": "pixelated" }));
        };
        const marks = (name, x, y) => {
            const inner = part[name].over.querySelector(".mark");
            if (!inner) return;
            const scale = `translate(${x} ${y}) scale(${wide / about.width} ${high / about.height})`;
            for (const [colour, size] of [["#000", 3], ["#fff", 1.2]]) made.append(drawing("path", { d: inner.getAttribute("d"), transform: scale, fill: "none", stroke: colour, "stroke-width": size, "vector-effect": "non-scaling-stroke" }));
        };
        const scale = (name, x, y) => {
            const canvas = part[name].querySelector("canvas");
            if (canvas) image(canvas, x, y, wide, 8);
            const ends = [...part[name].querySelectorAll(".ends span")].map((one) => one.textContent);
            ends.forEach((text, at) => write(text, x + (wide * at) / 2, y + 20, { "text-anchor": ["start", "middle", "end"][at], fill: quiet, "font-size": 10 }));
            write(part[name].querySelector(".label")?.textContent ?? "", x, y + (ends.length ? 33 : 10), { fill: quiet, "font-size": 10 });
        };
        made.append(drawing("rect", { width: "100%", height: "100%", fill: paper }));
        write(title(), gap, 24, { "font-size": 15, "font-weight": 600 });
        const block = (titleName, pictured, barName, x, y) => {
            write(part[titleName].textContent, x, y - 6, { "font-weight": 600 });
            image(part[pictured].canvas, x, y, wide, high);
            marks(pictured, x, y);
            scale(barName, x, y + high + 4);
        };
        block("picturesTitle", "source", "sourceBar", columns[0], top);
        block("heatTitle", "heatmap", "heatBar", columns[0], top + high + 62);
        block("mapTitle", "mapped", "mapBar", columns[2], top);
        write(part.courseTitle.textContent, columns[2], top + high + 56, { "font-weight": 600 });
        if (views.course?.answer?.frames.length > 1) {
            const own = chart(views.course.answer, wide, Math.min(150, high + 10));
            own.setAttribute("x", columns[2]);
            own.setAttribute("y", top + high + 64);
            made.append(own);
        }
        write(part.listTitle.textContent, columns[1], top - 6, { "font-weight": 600 });
        const lines = (part.covered.querySelector("p")?.textContent ?? "").match(/.{1,66}(?= |$)/g) ?? [];
        lines.slice(0, 4).forEach((line, at) => write(line.trim(), columns[1], top + 8 + 13 * at, { fill: quiet, "font-size": 10 }));
        const under = top + 20 + 13 * Math.max(0, Math.min(4, lines.length) - 1);
        const rows = [...part.rows.querySelectorAll("[role=option]")].slice(0, Math.floor((height - under - 20) / 30));
        const small = Math.min(26, (60 * about.height) / about.width);
        rows.forEach((row, at) => {
            const y = under + 30 * at;
            image(row.querySelector("canvas"), columns[1], y, (small * about.width) / about.height, small);
            write(row.querySelector("b").textContent, columns[1] + 70, y + 12, { "font-weight": 600 });
            write(row.querySelector(".who small").textContent, columns[1] + 70, y + 24, { fill: quiet, "font-size": 10 });
            const part_ = parseFloat(row.querySelector(".length i").style.width) / 100;
            made.append(drawing("rect", { x: columns[1] + 160, y: y + 6, width: Math.max(0.5, 90 * part_), height: 6, fill: accent }));
            write(row.querySelector(".much small").textContent, columns[1] + 160, y + 24, { fill: quiet, "font-size": 10 });
            write(row.querySelector(".share").firstChild.textContent, columns[1] + wide, y + 14, { "text-anchor": "end" });
        });
        write(`xinc explorer · ${part.belief.textContent.slice(0, 160)}`, gap, height - 12, { fill: quiet, "font-size": 10 });
        return new XMLSerializer().serializeToString(made);
    }

    async function png() {
        const text = figure();
        const image = new Image();
        const loaded = new Promise((done, failed) => { image.onload = done; image.onerror = failed; });
        image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
        await loaded;
        const canvas = element("canvas", {});
        canvas.width = 2 * image.width;
        canvas.height = 2 * image.height;
        const pen = canvas.getContext("2d");
        pen.imageSmoothingEnabled = false;
        pen.drawImage(image, 0, 0, canvas.width, canvas.height);
        return new Promise((done) => canvas.toBlob(done, "image/png"));
    }

    async function copy(text, what) {
        try {
            await navigator.clipboard.writeText(text);
            say(`Copied ${what}`);
        } catch {
            part.dialog.replaceChildren(element("h2", {}, `Copy ${what}`), element("textarea", { rows: 10, readOnly: true, "aria-label": what }),
                element("form", { method: "dialog" }, element("button", { onclick: (event) => { event.preventDefault(); part.dialog.close(); } }, "Close")));
            const area = part.dialog.querySelector("textarea");
            area.value = text;
            part.dialog.showModal();
            area.select();
        }
    }
    const python = () => {
        const one = chosen();
        const layer = one && state.neuron !== null ? one.layer : state.layer;
        return ask({ ask: "python", network: state.network, layer, frame: state.frame, place: state.place, by: state.by, count: state.count, everywhere: state.everywhere,
            neuron: one && one.layer === layer ? one.neuron : null, gained: state.gained }, "python").then((answer) => answer.text);
    };
    const acting = (name, act) => part[name].addEventListener("click", async () => {
        part[name].closest("details")?.removeAttribute("open");
        if (about) await act();
    });
    acting("csv", () => save(csv(), "text/csv", "csv"));
    acting("csvToo", () => save(csv(), "text/csv", "csv"));
    acting("svg", () => save(figure(), "image/svg+xml", "svg"));
    acting("png", async () => save(await png(), "image/png", "png"));
    acting("link", () => copy(options.link?.(state) ?? `#${toFragment(state)}`, "the link: add it to the address of a colleague's explorer of the same results"));
    acting("python", async () => copy(await python(), "the lines of Python"));

    const resized = new ResizeObserver(() => {
        if (!about) return;
        if (views.course?.answer) drawCourse(views.course.answer);
        if (views.points?.answer) drawPoints(views.points.answer);
    });
    resized.observe(part.chart);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => update(), { signal: listeners.signal });
    load();
    return {
        set, state: () => state, figure, csv, python,
        close: () => { closed = true; playing = false; resized.disconnect(); listeners.abort(); root.replaceChildren(); },
    };
}

/** anywidget: the page in a notebook; traits follow the state, and the state follows them. */
function render({ model, el }) {
    const { ask, close, subjectOf } = overMessages(model);
    const root = element("div", {});
    el.append(root);
    let telling = false;
    const page = mount(root, {
        ask, subjectOf, start: fromFragment(model.get("view") || ""),
        changed: (state) => {
            telling = true;
            model.set("view", toFragment(state));
            model.set("pixel", state.place?.pixel ?? null);
            model.set("box", state.place?.box ?? null);
            model.set("neuron", state.neuron);
            model.save_changes();
            telling = false;
        },
    });
    const told = (name, change) => {
        const heard = () => { if (!telling) page.set(change(model.get(name))); };
        model.on(`change:${name}`, heard);
        return [`change:${name}`, heard];
    };
    const heard = [
        told("pixel", (pixel) => (pixel ? { place: { pixel } } : {})), told("box", (box) => (box ? { place: { box } } : {})),
        told("neuron", (neuron) => ({ neuron })),
    ];
    return () => {
        close();
        heard.forEach(([event, act]) => model.off(event, act));
        page.close();
    };
}

export default { render };

/** How many times the address may be written in how many milliseconds: browsers ignore, or refuse, more than 100. */
const WRITES = 80, IN = 30_000;

/** Write `fragment(state)` into the address: of each state it is told of, or of the last one once there is room again. */
function addressWriter(fragment) {
    const times = [];
    let last = null, due = null;
    const write = () => {
        due = null;
        if (location.hash === fragment(last)) return;
        times.push(performance.now());
        history.replaceState(null, "", fragment(last));
    };
    return (state) => {
        last = state;
        if (due !== null) return;
        const now = performance.now();
        while (times.length && times[0] < now - IN) times.shift();
        if (times.length < WRITES) write();
        else due = setTimeout(write, times[0] + IN - now);
    };
}

const alone = document.getElementById("xinc-explorer");
if (alone && document.body.classList.contains("xinc-page")) {
    const page = mount(alone, {
        ...overHttp(), alone: true, start: fromFragment(location.hash),
        changed: addressWriter((state) => `#${toFragment(state)}`),
        link: (state) => `#${toFragment(state)}`,
    });
    // Of the event: an answer that comes in between may have put the old state back into the address.
    window.addEventListener("hashchange", (event) => page.set(fromFragment(new URL(event.newURL).hash)));
}
