// A thumbprint as a pattern, so that people see at once whether it is the same key.

const SVG = "http://www.w3.org/2000/svg";
const SIZE = 7;

/** The same pattern for the same thumbprint; mirrored, as eyes remember what is symmetric. */
export function fingerprint(thumbprint: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIZE} ${SIZE}`);
  svg.setAttribute("class", "fingerprint");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "the pattern of this key");
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < (SIZE + 1) / 2; column += 1) {
      const code = thumbprint.charCodeAt((row * 4 + column) % thumbprint.length);
      const strength = (code * 7 + row * 3 + column) % 5;
      if (strength < 2) continue;
      for (const x of new Set([column, SIZE - 1 - column])) svg.append(square(x, row, strength));
    }
  }
  return svg;
}

function square(x: number, y: number, strength: number): SVGRectElement {
  const rect = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: x + 0.06, y: y + 0.06, width: 0.88, height: 0.88, rx: 0.2 })) {
    rect.setAttribute(name, String(value));
  }
  rect.setAttribute("class", `strength-${strength}`);
  return rect;
}
