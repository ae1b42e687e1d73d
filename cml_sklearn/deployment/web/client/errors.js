/** What came can't be used; the message says what came, what is allowed, and what to do. */
export class InputError extends Error {
  name = "InputError";
}

/** No answer comes from the service. */
export class UnreachableError extends Error {
  name = "UnreachableError";
}

/** The service refuses a request. */
export class RefusedError extends Error {
  name = "RefusedError";

  /**
   * @param {number} status of HTTP
   * @param {string} text
   * @param {number} [pause] seconds that the service asks to wait
   */
  constructor(status, text, pause = 0) {
    super(text);
    this.status = status;
    this.pause = pause;
  }
}
