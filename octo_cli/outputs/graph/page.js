// The graph of DATA, where DATA.places says; a step that is picked is told beside it. Everything told is text.
const { graph, places, labels, agents, statuses, say } = DATA;
const dark = matchMedia("(prefers-color-scheme: dark)");
const step = document.getElementById("step");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

document.querySelector("h1").textContent = document.title;
document.getElementById("all").textContent = say.all;

function tell(...rows) {
  const list = document.createElement("dl");
  for (const [name, value] of rows.filter(([, value]) => value !== null && value !== "")) {
    list.append(Object.assign(document.createElement("dt"), { textContent: name }));
    list.append(Object.assign(document.createElement("dd"), { textContent: value }));
  }
  return list;
}

function show(node) {
  const head = document.createElement("h2");
  if (!node) {
    head.textContent = graph.nodes.length ? say.pick : say.no_steps;
    step.replaceChildren(head);
    return;
  }
  const { metadata } = node;
  const needs = graph.edges.filter((edge) => edge.target === node.id).map((edge) => edge.source.replace("step_", ""));
  head.textContent = `${metadata.step_id} · ${agents[node.type]}`;
  step.replaceChildren(head, tell(
    [say.status, statuses[node.status]], [say.description, metadata.description], [say.needs, needs.join(", ")],
    [say.confidence, metadata.confidence === null ? null : metadata.confidence.toFixed(2)], [say.result, metadata.result],
  ));
}

// A phone has no room for a lane an agent: there a layer stands in rows of two, and a step names its agent.
const narrow = innerWidth <= 700;
const node = narrow ? { width: 170, height: 130 } : { width: 220, height: 100 };
const looks = () => [
  { selector: "node[name]", style: {
    shape: "round-rectangle", ...node, "background-color": color("--paper"), "border-width": 2,
    "border-color": "data(color)", label: "data(shown)", color: color("--ink"), "font-size": 13, "text-wrap": "wrap",
    "text-max-width": node.width - 24, "line-height": 1.35, "text-valign": "center", "text-overflow-wrap": "anywhere",
    "font-family": getComputedStyle(document.body).fontFamily } },
  { selector: "node[name]:selected", style: { "border-width": 4 } },
  { selector: "node.lane", style: {
    shape: "round-rectangle", "background-color": color("--lane"), "border-width": 0, label: "data(label)",
    color: color("--quiet"), "font-size": 13, "text-valign": "top", "text-margin-y": -4, padding: 18 } },
  { selector: "edge", style: {
    width: 1.5, "line-color": color("--line"), "target-arrow-color": color("--line"), "target-arrow-shape": "triangle",
    "curve-style": "bezier" } },
];

const rows = [...new Set(Object.values(places).map(([, y]) => y))].sort((a, b) => a - b).flatMap((y) => {
  const layer = Object.keys(places).filter((id) => places[id][1] === y).sort((a, b) => places[a][0] - places[b][0]);
  return Array.from({ length: Math.ceil(layer.length / 2) }, (_, row) => layer.slice(2 * row, 2 * row + 2));
});
function place({ id }) {
  if (!narrow) return { x: places[id][0], y: places[id][1] };
  const row = rows.findIndex((ids) => ids.includes(id));
  return { x: (rows[row].indexOf(id) - (rows[row].length - 1) / 2) * (node.width + 15), y: row * (node.height + 40) };
}

const cy = cytoscape({
  container: document.getElementById("graph"),
  elements: [
    ...Object.entries(narrow ? {} : agents)
      .map(([agent, label]) => ({ data: { id: `agent ${agent}`, label }, classes: "lane" })),
    ...graph.nodes.map((node) => ({
      data: { id: node.id, name: node.id, parent: narrow ? undefined : `agent ${node.type}`, color: node.color,
        shown: `${node.metadata.step_id} · ${narrow ? `${agents[node.type]} · ` : ""}${statuses[node.status]}\n${labels[node.id]}` },
      position: place(node),
    })),
    ...graph.edges.map(({ id, source, target }) => ({ data: { id, source, target } })),
  ],
  style: looks(), layout: { name: "preset" }, minZoom: 0.1, maxZoom: 3, boxSelectionEnabled: false,
});
const fit = () => { cy.resize(); cy.fit(undefined, 30); if (cy.zoom() > 1.2) { cy.zoom(1.2); cy.center(); } };

// What would be too small to read begins at the first step instead; "all" is one click away.
const LEGIBLE = 0.75;
function begin() {
  fit();
  if (cy.zoom() >= LEGIBLE) return;
  cy.zoom(LEGIBLE);
  cy.center(cy.$id(graph.nodes[0].id));
  cy.panBy({ x: 0, y: 90 - cy.height() / 2 });
}
cy.on("tap", (event) => show(graph.nodes.find((node) => event.target !== cy && node.id === event.target.id())));
document.getElementById("all").addEventListener("click", fit);
dark.addEventListener("change", () => cy.style(looks()));
addEventListener("resize", begin);
begin();
show();
