package org.llava;

/** How a dialogue becomes a prompt. */
public final class TemplateOptions extends Options<TemplateOptions> {
  /** Defaults. */
  public TemplateOptions() {}

  /** Whether it ends where the assistant's answer starts; default true. */
  public TemplateOptions generationPrompt(boolean generationPrompt) {
    return set("generation_prompt", generationPrompt);
  }

  /** See {@link Llava#templateNames()}; default: the model's. */
  public TemplateOptions template(String template) {
    return set("template_name", template);
  }

  /** System prompt instead of the template's own; "" for none. */
  public TemplateOptions system(String system) {
    return set("system", system);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_template_options> fill(TemplateOptions options, Use use) {
    Filled<llava_template_options> filled = new Filled<>(new llava_template_options(), options == null ? "{}" : options.json());
    return filled;
  }
}
