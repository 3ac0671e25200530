/** Which tags of a prompt lead to which file: worked out once for each text and library. */

const NONE = new Map();

export class TagsByFile {
  /** @param {import("./library.mjs").Library} library */
  constructor(library) {
    this.library = library;
  }

  /**
   * @param {import("./prompt_box.mjs").PromptBox | null} box
   * @returns {Map<string, import("./tags.mjs").Tag[]>} by the files' ids
   */
  of(box) {
    if (!box) return NONE;
    if (this.tags === box.tags && this.rows === this.library.rows) return this.byId;
    const byId = new Map();
    for (const tag of box.tags) {
      const { row } = this.library.find(tag);
      if (row) byId.set(row.id, [...(byId.get(row.id) ?? []), tag]);
    }
    Object.assign(this, { tags: box.tags, rows: this.library.rows, byId });
    return byId;
  }
}
