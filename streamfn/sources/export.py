"""The former name of `streamfn.exports`."""

raise ImportError("streamfn.sources.export is now streamfn.exports: write `from streamfn.exports import …`")
