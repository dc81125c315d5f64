/* On a narrow screen the rows of these tables are blocks, and some browsers then take a table for
   none. Its roles are said aloud, also of rows that a search brings later. */
window.wagtail.app.register(
  "qbo-stack",
  class extends window.StimulusModule.Controller {
    connect() {
      this.observer = new MutationObserver(() => this.name());
      this.observer.observe(this.element, { childList: true, subtree: true });
      this.name();
    }

    disconnect() {
      this.observer.disconnect();
    }

    name() {
      const roles = { table: "table", "thead, tbody": "rowgroup", tr: "row", th: "columnheader", td: "cell" };
      for (const [tags, role] of Object.entries(roles))
        for (const one of this.element.querySelectorAll(tags)) one.setAttribute("role", role);
    }
  },
);
