package org.llava;

import java.util.Map;

/**
 * What happened in a training run.
 *
 * @param kind  "start", "progress", "step", "estimate", "skipped", "diverged", "evaluation", "answer", "saved",
 *     "save_failed", "result" or "warning"
 * @param values  all of it; a step has step, steps, epoch, loss, lr, grad_norm, samples, tokens, labels, seconds, ...
 */
public record TrainEvent(String kind, Map<String, Object> values) {
  static TrainEvent of(String json) {
    Map<String, Object> values = Json.object(json);
    return new TrainEvent(String.valueOf(values.get("event")), values);
  }

  /** One of the numbers; NaN where there is none of that name. */
  public double number(String name) {
    return values.get(name) instanceof Number number ? number.doubleValue() : Double.NaN;
  }
}
