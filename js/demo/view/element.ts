// Elements, without a framework and without HTML in texts.

type Child = Node | string | undefined | false;

/** An element with these classes and children; what is missing is left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string, ...children: readonly Child[]): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** The element of the page that has this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** A button that does something, and cannot be pressed again while it does. */
export function button(label: string, className: string, press: () => Promise<void> | void): HTMLButtonElement {
  const made = element("button", className, label);
  made.type = "button";
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await press();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}
