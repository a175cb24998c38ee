export class LanesElement extends HTMLElement {}
