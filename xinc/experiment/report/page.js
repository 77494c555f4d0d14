// One section at a time, and of it one picture: which is said by the fragment of the address alone.
(function () {
    "use strict";

    function all(selector, inside) { return Array.from((inside || document).querySelectorAll(selector)); }
    function get(id) { return document.getElementById(id); }

    var figures = all("figure.shown"), sections = all("section.analysis"), first = get("first-page");
    var viewer = get("the-viewer"), choice = get("the-choice"), place = get("the-place");
    var previous = get("the-previous"), next = get("the-next"), size = get("the-size");
    var shown = null; // the section on show, null for the first page
    var last = { video: "", name: "" }; // the network chosen last, which another section shows too if it can

    // Pictures wait as text, so that only those that are looked at are decoded.
    function fill(figure) {
        var waiting = figure.querySelector("noscript");
        if (waiting) {
            var made = document.createElement("template");
            made.innerHTML = waiting.textContent;
            waiting.replaceWith(made.content);
        }
    }

    function same(group, what) { return group.dataset[what] === last[what]; }

    // The figure that a fragment names; of a section or a group, its first.
    function named(id) {
        var at = id && get(id);
        if (!at) { return null; }
        if (at.matches("section.analysis")) {
            var groups = all(".group", at);
            at = groups.find(function (group) { return same(group, "video") && same(group, "name"); })
                || groups.find(function (group) { return same(group, "video"); }) || groups[0];
        }
        if (at.matches("section.group")) { at = at.querySelector("figure.shown"); }
        return at && at.matches("figure.shown") ? at : null;
    }

    function mark(link, current, as) {
        if (current) { link.setAttribute("aria-current", as); } else { link.removeAttribute("aria-current"); }
    }

    function lead(link, figure) {
        if (figure) {
            link.href = "#" + figure.id;
            link.removeAttribute("aria-disabled");
        } else {
            link.removeAttribute("href");
            link.setAttribute("aria-disabled", "true");
        }
    }

    function offer(section) {
        var groups = all(".group", section), blocks = {};
        choice.textContent = "";
        groups.forEach(function (group) {
            var into = choice, video = group.dataset.video, label = group.dataset.name;
            if (label && video) {
                if (!blocks[video]) {
                    blocks[video] = document.createElement("optgroup");
                    blocks[video].label = video;
                    choice.append(blocks[video]);
                }
                into = blocks[video];
            }
            into.append(new Option(label && video ? video + " · " + label : video || label, group.id));
        });
        choice.labels[0].textContent = section.dataset.chosenBy;
        choice.parentElement.hidden = groups.length < 2;
    }

    function show() {
        var id = location.hash.slice(1), figure = named(id);
        if (!figure && id && get(id) && !first.contains(get(id))) { return; } // such as the skip link's
        var section = figure && figure.closest("section.analysis"), group = figure && figure.closest(".group");
        first.hidden = Boolean(figure);
        viewer.hidden = !figure;
        sections.forEach(function (one) { one.hidden = one !== section; });
        all("nav a").forEach(function (link) {
            mark(link, link.hash === "#" + (section ? section.id : "first-page"), "page");
        });
        if (figure) {
            fill(figure);
            all(".group", section).forEach(function (one) { one.hidden = one !== group; });
            all("figure.shown", group).forEach(function (one) { one.hidden = one !== figure; });
            all(".thumbnails a", group).forEach(function (link) {
                var current = link.hash === "#" + figure.id, strip = link.closest("ul");
                mark(link, current, "true");
                if (current) { strip.scrollLeft = link.offsetLeft - strip.offsetLeft - strip.clientWidth / 3; }
            });
            if (section !== shown) { offer(section); }
            choice.value = group.id;
            last.video = group.dataset.video || last.video;
            last.name = group.dataset.name || last.name;
            var own = all("figure.shown", group), at = figures.indexOf(figure);
            place.textContent = own.indexOf(figure) + 1 + " of " + own.length;
            lead(previous, figures[at - 1]);
            lead(next, figures[at + 1]);
            document.title = figure.dataset.view + " · " + group.querySelector("h2").textContent;
        } else {
            document.title = document.querySelector("h1").textContent;
        }
        var top = figure && figure.getBoundingClientRect().top;
        if (section !== shown && (figure || !id || id === "first-page")) {
            window.scrollTo(0, 0);
        } else if (figure && (top < 0 || top > window.innerHeight / 2)) {
            group.scrollIntoView();
        }
        shown = section;
    }

    choice.addEventListener("change", function () {
        var before = all("figure.shown:not([hidden])", shown)[0], group = get(choice.value);
        var same = all("figure.shown", group).find(function (one) { return one.dataset.view === before.dataset.view; });
        location.hash = (same || group).id;
    });

    size.addEventListener("click", function () {
        var enlarged = document.body.classList.toggle("enlarged");
        size.setAttribute("aria-pressed", String(enlarged));
        figures.forEach(function (figure) {
            if (enlarged) { figure.tabIndex = 0; } else { figure.removeAttribute("tabindex"); }
        });
    });

    document.addEventListener("keydown", function (event) {
        var step = { ArrowLeft: previous, ArrowRight: next }[event.key];
        var busy = event.target.closest("select, input, textarea, [tabindex='0'], nav");
        if (!step || busy || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
        if (shown ? step.hash : step === next && figures[0]) {
            event.preventDefault();
            location.hash = shown ? step.hash : figures[0].id;
        }
    });

    window.addEventListener("hashchange", show);
    // The browser goes to what the address names, below the question that it answers.
    window.addEventListener("load", function () {
        setTimeout(function () { if (shown) { window.scrollTo(0, 0); } }, 0);
    });
    show();
})();
