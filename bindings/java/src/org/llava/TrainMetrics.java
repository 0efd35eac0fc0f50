package org.llava;

/**
 * Where a run stands; zeros before the first step.
 *
 * @param finished  all steps are done and the result is written
 * @param step  steps done, those before a resume included
 * @param steps  of the whole run
 * @param samples  of the last step
 * @param tokens  positions of the last step
 * @param labels  learned tokens of the last step
 * @param loss  of the last step, before its update
 * @param lr  of the last step
 * @param gradNorm  of the last step, before clipping
 * @param seconds  of the last step
 * @param evalLoss  of the last evaluation; -1 before the first
 */
public record TrainMetrics(boolean finished, long step, long steps, long samples, long tokens, long labels, double loss,
    double lr, double gradNorm, double seconds, double evalLoss) {
  static TrainMetrics of(llava_train_metrics of) {
    return new TrainMetrics(of.getFinished() != 0, of.getStep(), of.getSteps(), of.getSamples(), of.getTokens(),
        of.getLabels(), of.getLoss(), of.getLr(), of.getGrad_norm(), of.getSeconds(), of.getEval_loss());
  }
}
