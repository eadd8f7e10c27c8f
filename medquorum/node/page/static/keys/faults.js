/**
 * What goes wrong around keys and signed bytes, as a rule of the protocol and a text of the
 * catalogue. A fault never carries bytes of a key, a passphrase or a patient's record.
 */

/** A refusal; a view shows `t(fault.key, fault.values)`. */
export class Fault extends Error {
  /**
   * @param {string} rule number of the protocol's rule that is broken, such as `R-CAN3`, or ''
   * @param {string} key text of the catalogue, such as `keys.wrong_passphrase`
   * @param {Object<string, string|number>} values what stands in the text's places
   */
  constructor(rule, key, values = {}) {
    super(rule ? `${rule}: ${key}` : key);
    this.name = "Fault";
    this.rule = rule;
    this.key = key;
    this.values = { rule, ...values };
  }
}
