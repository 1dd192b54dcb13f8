// What the libraries make of Octo's graphs and diagrams. Each gets them as they are, and tells what it then shows:
// { nodes: { id: label }, edges: { id: [source, target] } }.
const here = document.getElementById("here");
const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
const told = (pairs) => Object.fromEntries(pairs);

function load(path) {
  return new Promise((loaded, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: path, onload: loaded, onerror: failed }));
  });
}

async function inCytoscape(graph) {
  await load("../../../octo_cli/outputs/graph/cytoscape.min.js");
  const cy = cytoscape({ container: here, elements: graph, layout: { name: "preset" },
    style: [{ selector: "node", style: { label: "data(label)" } }] });
  const shown = cy.nodes().map((node) => [node.id(), node.style("label")]);
  return { nodes: told(shown), edges: told(cy.edges().map((edge) => [edge.id(), [edge.source().id(), edge.target().id()]])) };
}

async function inReactFlow(graph) {
  await load("node_modules/react/umd/react.production.min.js");
  await load("node_modules/react-dom/umd/react-dom.production.min.js");
  const jsx = (type, { children, ...given }, key) => React.createElement(type, { key, ...given }, ...[children ?? []].flat());
  window.jsxRuntime = { Fragment: React.Fragment, jsx, jsxs: jsx };
  await load("node_modules/@xyflow/react/dist/umd/index.js");
  ReactDOM.createRoot(here).render(
    React.createElement(ReactFlow.ReactFlow, { defaultNodes: graph.nodes, defaultEdges: graph.edges, fitView: true }));
  const all = (name) => [...here.querySelectorAll(`.react-flow__${name}`)];
  const there = () => all("edge-path").length === graph.edges.length && all("node").every((node) => node.checkVisibility({ visibilityProperty: true }));
  for (let frames = 0; frames < 100 && !(all("node").length && there()); frames++) await drawn();
  const ends = (edge) => edge.getAttribute("aria-label").match(/from (\S+) to (\S+)/).slice(1);
  return { nodes: told(all("node").map((node) => [node.dataset.id, node.textContent])),
    edges: told(all("edge").map((edge) => [edge.dataset.id, ends(edge)])) };
}

async function inD3(graph) {
  await load("node_modules/d3/dist/d3.min.js");
  const joined = d3.forceLink(graph.edges).id((node) => node.id);
  d3.forceSimulation(graph.nodes).force("link", joined).force("charge", d3.forceManyBody()).tick(10).stop();
  const svg = d3.select(here).append("svg");
  svg.selectAll("text").data(graph.nodes).join("text").attr("id", (node) => node.id).text((node) => node.label)
    .attr("x", (node) => node.x).attr("y", (node) => node.y);
  return { nodes: told([...here.querySelectorAll("text")].map((text) => [text.id, text.textContent])),
    edges: told(joined.links().map(({ id, source, target }) => [id, [source.id, target.id]])) };
}

// The kind of each diagram as Mermaid's parser has it, and the texts of its picture.
async function inMermaid(sources) {
  await load("node_modules/mermaid/dist/mermaid.min.js");
  mermaid.initialize({ startOnLoad: false });
  const found = [];
  for (const source of sources) {
    const { diagramType } = await mermaid.parse(source);
    here.innerHTML = (await mermaid.render(`picture${found.length}`, source)).svg;
    const texts = here.querySelectorAll(".node .label, .cluster-label, .legend text, [class*='taskText'], .titleText");
    found.push([diagramType, [...texts].map((text) => text.textContent)]);
  }
  return found;
}
