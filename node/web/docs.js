// The description is this node's; no validator elsewhere is told of it.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  validatorUrl: null,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
});
