/* The one list of options that all fields of Map customers share. An option is
   {chosen: "map:17", text, about, isTaken}; text is never read as HTML. */
window.qboMapOptions = class {
  constructor(list) {
    this.list = list;
  }

  get isOpen() {
    return !this.list.hidden;
  }

  get active() {
    const place = this.items.findIndex((item) => item.ariaSelected === "true");
    return place < 0 ? null : this.options[place];
  }

  /* Shows them at a field, and marks one of them (-1: none). */
  open(field, options, marked) {
    this.field = field;
    this.options = options;
    this.items = options.map((option, place) => this.item(option, place));
    this.list.replaceChildren(...this.items);
    this.list.hidden = false;
    this.place();
    field.setAttribute("aria-expanded", "true");
    this.mark(marked);
  }

  close() {
    if (!this.isOpen) return;
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  item(option, place) {
    const item = document.createElement("li");
    item.id = `qbo-map-option-${place}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.append(option.text);
    if (option.about) {
      const about = document.createElement("small");
      about.append(option.about);
      item.append(" ", about);
    }
    if (option.isTaken) item.setAttribute("aria-disabled", "true");
    item.classList.toggle("qbo-map__act", !option.chosen.startsWith("map:"));
    return item;
  }

  optionAt(element) {
    const place = this.items ? this.items.indexOf(element.closest("li")) : -1;
    return place < 0 ? null : this.options[place];
  }

  mark(place) {
    this.items.forEach((item, other) => item.setAttribute("aria-selected", String(other === place)));
    const item = this.items[place];
    if (item) {
      this.field.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    } else {
      this.field.removeAttribute("aria-activedescendant");
    }
  }

  /* Marks the next that can be chosen, in steps of 1 or -1, round the ends. */
  step(by) {
    const free = this.options.flatMap((option, place) => (option.isTaken ? [] : [place]));
    const here = free.indexOf(this.options.indexOf(this.active));
    const next = here < 0 && by < 0 ? free.length - 1 : here + by;
    this.mark(free[(next + free.length) % free.length]);
  }

  edge(by) {
    this.mark(-1);
    this.step(by);
  }

  /* Below the field; above it where it does not fit and there is more room. */
  place() {
    if (!this.isOpen) return;
    const box = this.field.getBoundingClientRect();
    const footer = document.querySelector(".footer").getBoundingClientRect();
    const below = Math.min(window.innerHeight, footer.top) - box.bottom - 8;
    const isAbove = below < Math.min(200, this.list.scrollHeight) && box.top > below;
    this.list.style.left = `${box.left}px`;
    this.list.style.width = `${box.width}px`;
    this.list.style.maxHeight = `${Math.min(320, isAbove ? box.top - 8 : below)}px`;
    this.list.style.top = isAbove ? "auto" : `${box.bottom + 4}px`;
    this.list.style.bottom = isAbove ? `${window.innerHeight - box.top + 4}px` : "auto";
  }
};
