/* A plan's boxes: each tick is sent at once, and the numbers above are asked for again. One
   that could not be sent goes back to what it was, and says so. */
window.wagtail.app.register(
  "qbo-ticks",
  class extends window.StimulusModule.Controller {
    static targets = ["status"];

    static values = { url: String, failed: String };

    async send({ target: box }) {
      const ticked = box.checked;
      box.disabled = true;
      const said = await this.post({ step: box.value, ticked: ticked ? "1" : "" });
      box.disabled = false;
      box.focus({ preventScroll: true });
      if (said === null) box.checked = !ticked;
      this.statusTarget.textContent = said ?? this.failedValue;
      if (said !== null) this.dispatch("sent");
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
