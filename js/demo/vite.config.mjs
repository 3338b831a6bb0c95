// Relative addresses, so that the page can lie anywhere; and no picture as text, which its policy would not let in.
export default { base: "./", build: { assetsInlineLimit: 0, target: "es2023" } };
