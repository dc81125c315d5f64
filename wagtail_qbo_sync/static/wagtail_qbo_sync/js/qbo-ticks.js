/* A plan's boxes: each tick is sent at once, and the numbers above are asked for again. One
   that could not be sent goes back to what it was, and says so. Until all have arrived nobody
   approves the plan here: it would be applied without them. */
window.wagtail.app.register(
  "qbo-ticks",
  class extends window.StimulusModule.Controller {
    static targets = ["status"];

    static values = { url: String, failed: String };

    initialize() {
      this.sending = 0;
    }

    async send({ target: box }) {
      const ticked = box.checked;
      box.disabled = true;
      this.holdAnswer(1);
      const said = await this.post({ step: box.value, ticked: ticked ? "1" : "" });
      this.holdAnswer(-1);
      box.disabled = false;
      box.focus({ preventScroll: true });
      if (said === null) box.checked = !ticked;
      this.statusTarget.textContent = said ?? this.failedValue;
      if (said !== null) this.dispatch("sent");
    }

    holdAnswer(change) {
      this.sending += change;
      const answer = document.querySelector(".qbo-approval__buttons");
      answer?.toggleAttribute("inert", this.sending > 0);
    }

    async post(values) {
      const config = JSON.parse(document.getElementById("wagtail-config").textContent);
      const response = await fetch(this.urlValue, {
        method: "POST",
        headers: { [config.CSRF_HEADER_NAME]: config.CSRF_TOKEN },
        body: new URLSearchParams(values),
      }).catch(() => null);
      if (!response?.ok || response.redirected) return null;
      return (await response.json()).said;
    }
  },
);
