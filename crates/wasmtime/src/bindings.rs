//! Generated from `wit/`: the engine that the component exports, and what guests import.

#![allow(clippy::pedantic, missing_docs, reason = "generated; wit/ documents it")]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package permisos:hosted;

        world hosted {
          import permisos:secrets/config@0.1.0;
          import wasi:config/store@0.2.0-rc.1;
          import wasmcloud:secrets/store@1.0.0;
          import wasmcloud:secrets/reveal@1.0.0;
          export permisos:secrets/engine@0.1.0;
        }
    ",
    world: "permisos:hosted/hosted",
    with: { "wasmcloud:secrets/store.secret": crate::handle::Handle },
    imports: { "wasmcloud:secrets/reveal.reveal": trappable },
});
