/* Map customers: one search field for each customer, and what was chosen is sent at once.
   Its rows may be replaced at any time (w-swap), so nothing is kept but by the field itself. */
window.wagtail.app.register(
  "qbo-map",
  class extends window.StimulusModule.Controller {
    static targets = ["options", "acts", "words", "decided", "status", "first"];

    static values = { find: String, decide: String, locale: String };

    static pause = 200; // milliseconds without a key before clients are searched

    initialize() {
      this.queues = new WeakMap(); // field -> its choices are sent one after the other
      this.unsaved = new WeakMap(); // field -> the choice that was not saved
      this.search = 0;
    }

    connect() {
      this.list = new window.qboMapOptions(this.optionsTarget);
      this.acts = [...this.actsTarget.content.children].map((item) => ({
        chosen: item.dataset.chosen,
        text: item.textContent,
      }));
      const terms = [...this.wordsTarget.querySelectorAll("dt")];
      this.words = Object.fromEntries(
        terms.map((term) => [term.textContent, term.nextElementSibling.textContent]),
      );
      if (this.hasFirstTarget) this.fields[0]?.focus();
    }

    get fields() {
      return [...this.element.querySelectorAll("[role=combobox]")];
    }

    // The field and its options ------------------------------------------------------------

    enter({ target }) {
      if (target.role !== "combobox" || this.list.isOpen) return;
      target.dataset.text ??= target.value;
      target.select();
      this.suggest(target);
    }

    leave({ target }) {
      if (target.role !== "combobox") return;
      this.search += 1;
      this.list.close();
      if (!this.unsaved.has(target)) target.value = target.dataset.text;
    }

    suggest(field) {
      const offered = JSON.parse(field.dataset.options ?? "[]").map(this.client);
      const options = [...offered, ...this.acts];
      const standing = options.findIndex((option) => option.chosen === field.dataset.chosen);
      const other = field.dataset.chosen ? -1 : 0; // one that was searched for stands
      this.list.open(field, options, standing < 0 ? other : standing);
    }

    client([pk, text, about, isTaken]) {
      return { chosen: `map:${pk}`, text, about, isTaken: Boolean(isTaken) };
    }

    type({ target }) {
      if (target.role !== "combobox") return;
      clearTimeout(this.timer);
      this.search += 1;
      const text = target.value.trim();
      if (!text) {
        this.suggest(target);
        return;
      }
      this.tell(target, this.words.busy);
      this.timer = setTimeout(() => this.find(target, text, this.search), this.constructor.pause);
    }

    async find(field, text, search) {
      const query = new URLSearchParams({ q: text });
      const answer = await this.ask(`${this.findValue}?${query}`);
      if (search !== this.search) return; // typed on meanwhile, or left
      if (answer.status !== 200) {
        this.tell(field, this.words.unsearched);
        return;
      }
      const clients = answer.said.found.map(this.client);
      if (!clients.length) {
        this.tell(field, this.words.none);
        return;
      }
      const first = clients.findIndex((client) => !client.isTaken);
      this.list.open(field, [...clients, ...this.acts], first);
    }

    tell(field, text) {
      this.list.open(field, [{ chosen: "map:", text, isTaken: true }, ...this.acts], -1);
    }

    place() {
      this.list.place();
    }

    // Keys and pointer ---------------------------------------------------------------------

    press(event) {
      const field = event.target;
      if (field.role !== "combobox" || event.isComposing) return;
      const done = this.onKey(event, field);
      if (done) event.preventDefault();
    }

    onKey({ key, shiftKey, ctrlKey }, field) {
      if (key === "Enter") {
        this.accept(field, this.keyed(shiftKey, ctrlKey));
        return true;
      }
      if (key === "Escape") {
        this.search += 1;
        field.value = field.dataset.text;
        this.unsaved.delete(field);
        this.list.close();
        return true;
      }
      const moves = { ArrowDown: ["step", 1], ArrowUp: ["step", -1], Home: ["edge", 1], End: ["edge", -1] };
      if (!(key in moves)) return false;
      const [how, by] = moves[key];
      if (!this.list.isOpen) this.suggest(field);
      else this.list[how](by);
      return true;
    }

    keyed(shiftKey, ctrlKey) {
      if (shiftKey) return this.acts.find((act) => act.chosen === "create:");
      if (ctrlKey) return this.acts.find((act) => act.chosen === "exclude:");
      return this.list.isOpen ? this.list.active : null;
    }

    /* Enter: take it and go on. With nothing marked, what stands stays; a search waits. */
    accept(field, option) {
      const isTyped = field.value !== field.dataset.text;
      if (!option && isTyped) return;
      if (option) this.choose(field, option);
      this.next(field);
    }

    next(field) {
      const fields = this.fields;
      const other = fields[fields.indexOf(field) + 1];
      const page = this.element.querySelector(".pagination .next a[href]"); // none on the last page
      this.list.close();
      (other ?? page ?? this.element.querySelector(".qbo-map__footer button")).focus();
    }

    point(event) {
      if (this.optionsTarget.contains(event.target)) event.preventDefault(); // the field keeps the focus
    }

    click({ target }) {
      if (target.role === "combobox" && !this.list.isOpen) this.suggest(target);
      const option = this.optionsTarget.contains(target) ? this.list.optionAt(target) : null;
      if (!option || option.isTaken) return;
      this.choose(this.list.field, option);
      this.list.close();
    }

    // Saving -------------------------------------------------------------------------------

    /* What stands already needs no sending, but a suggestion that nobody confirmed does. */
    choose(field, option) {
      field.value = option.text;
      if (option.chosen === field.dataset.chosen && field.dataset.version && !this.unsaved.has(field)) return;
      field.dataset.text ??= "";
      this.unsaved.set(field, option);
      this.note(field, this.words.saving);
      const before = this.queues.get(field) ?? Promise.resolve();
      this.queues.set(field, before.then(() => this.save(field, option)));
    }

    async save(field, option) {
      const [choice, client] = option.chosen.split(/:(.*)/s);
      const body = new URLSearchParams({
        customer: field.dataset.customer,
        do: choice,
        client,
        seen: field.dataset.version,
      });
      const { status, said } = await this.ask(this.decideValue, body);
      if (this.unsaved.get(field) !== option && status !== 200) return; // another was chosen since
      const name = { customer: field.dataset.name, choice: option.text };
      if (status === 200) this.saved(field, option, said, name);
      else if (status === 409) this.changed(field, option, said);
      else if (status === 400) this.note(field, `${this.words.refused} ${said.message}`, true);
      else this.note(field, this.words.failed, true, [[this.words.retry, () => this.choose(field, option)]]);
      if (status !== 200) this.say(this.fill(this.words.unsaved, name));
    }

    saved(field, option, said, name) {
      if (!field.dataset.version) this.count(1);
      this.stands(field, said);
      this.free(said.chosen, field);
      if (this.unsaved.get(field) === option) {
        this.unsaved.delete(field);
        field.value = said.text;
        this.note(field, said.note);
      }
      this.say(this.fill(this.words.saved, { ...name, choice: said.text }));
    }

    /* Somebody else chose meanwhile: both are shown, and nothing is done until one is taken. */
    changed(field, option, said) {
      const theirs = said.text ? this.fill(this.words.theirs, { choice: said.text }) : this.words.nothing;
      field.dataset.version = said.version;
      this.note(field, said.message, true, [
        [theirs, () => this.keep(field, said)],
        [this.fill(this.words.mine, { choice: option.text }), () => this.choose(field, option)],
      ]);
    }

    keep(field, said) {
      this.stands(field, said);
      this.unsaved.delete(field);
      field.value = said.text;
      this.note(field, said.note);
      field.focus();
    }

    stands(field, said) {
      field.dataset.version = said.version;
      field.dataset.chosen = said.chosen;
      field.dataset.text = said.text;
    }

    /* A client that is chosen now is suggested to nobody else by its exact name. */
    free(chosen, chooser) {
      if (!chosen.startsWith("map:")) return;
      const nobodys = (field) => field !== chooser && !field.dataset.version && !this.unsaved.has(field);
      for (const field of this.fields.filter(nobodys)) {
        if (field.dataset.chosen !== chosen) continue;
        this.stands(field, { version: "", chosen: "", text: "" });
        field.value = "";
        this.note(field, "");
      }
    }

    /* What is said below a field, with buttons: [label, what it does]. */
    note(field, text, isFailed = false, buttons = []) {
      const note = field.closest("td").querySelector(".qbo-map__note");
      note.classList.toggle("qbo-map__note--failed", isFailed);
      field.setAttribute("aria-invalid", String(isFailed));
      const made = buttons.map(([label, act]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button button-small button-secondary";
        button.append(label);
        button.addEventListener("click", act);
        return button;
      });
      note.replaceChildren(text, ...made);
      this.list.place(); // the rows below have moved
    }

    say(text) {
      this.statusTarget.textContent = text;
    }

    count(more) {
      const shown = this.decidedTarget;
      shown.dataset.count = Number(shown.dataset.count) + more;
      shown.textContent = Number(shown.dataset.count).toLocaleString(this.localeValue);
    }

    fill(sentence, names) {
      return sentence.replace(/\{(\w+)\}/g, (_all, name) => names[name]);
    }

    /* {status, said}; status 0 where there was no answer, or none that is ours. */
    async ask(address, body) {
      const config = JSON.parse(document.getElementById("wagtail-config").textContent);
      const options = body && {
        method: "POST",
        body,
        keepalive: true, // also if the page is left at once
        headers: { [config.CSRF_HEADER_NAME]: config.CSRF_TOKEN },
      };
      try {
        const response = await fetch(address, options);
        return { status: response.status, said: await response.json() };
      } catch {
        return { status: 0, said: {} };
      }
    }
  },
);
