import { Box } from "./box.js";
import { given } from "./check.js";
import type { Client } from "./client.js";
import { sized } from "./config.js";
import type { BoxConfig, BoxInfo, CallOptions } from "./types.js";

/** An image and a configuration, prepared to create boxes from. */
export interface Template {
  /** The id, for good. */
  readonly id: string;
  /** The name. */
  readonly name: string;
  /** The image that its boxes boot; empty from a create that left it to the server. */
  readonly image: string;
  /** Its state, in the server's words. */
  readonly status: string;
  /** Virtual CPUs of its boxes; 0 is the server's default. From list. */
  readonly vcpu?: number;
  /** Memory of its boxes in bytes; 0 is the server's default. From list. */
  readonly memoryBytes?: number;
}

/** What {@link TemplateService.create} takes. */
export interface CreateTemplateOptions {
  /** The template's name. */
  readonly name: string;
  /** The image, `"ghcr.io/org/img:tag"`. Default: the cluster's. */
  readonly image?: string | undefined;
  /** Size, lifecycle, network and volumes. The wire carries no `env`, `cmd` or `restartPolicy` for a template: they are refused. */
  readonly config?: BoxConfig | undefined;
}

/** What {@link TemplateService.createVm} takes. */
export interface CreateVmOptions {
  /** The template, given itself or by its id. */
  readonly template: Template | string;
  /** The box's name. Default: the server chooses one. */
  readonly name?: string | undefined;
  /** What is to differ from the template. The wire carries no `env`, `cmd` or `restartPolicy` here: they are refused. */
  readonly config?: BoxConfig | undefined;
}

/** Creates, lists and deletes templates, and creates boxes from them: {@link Compute.template}. */
export class TemplateService {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @internal */
  static of(client: Client): TemplateService {
    return new this(client);
  }

  /**
   * Creates a template. Never sent twice.
   *
   * @throws {@link InvalidArgumentError} for a name that is taken or a configuration that cannot be right.
   * @example
   * ```ts
   * const template = await compute.template.create({ name: "t1", config: { vcpu: 2, memory: "4G" } });
   * const box = await compute.template.createVm({ template, name: "from-t" });
   * ```
   */
  async create(options: CreateTemplateOptions, call?: CallOptions): Promise<Template> {
    const { name, image = "", config } = options;
    given({ name });
    const wanted = { name, image, config: sized("a template", config) };
    const made = await this.#client.json<Omit<Template, "image">>("createTemplate", wanted, call);
    return { ...made, image };
  }

  /** All templates of the account. Repeated on a lost connection. */
  list(call?: CallOptions): Promise<Template[]> {
    return this.#client.list("templates", {}, call);
  }

  /**
   * Deletes a template, given itself or by its id. Boxes created from it stay. Never sent twice.
   *
   * @throws {@link NotFoundError} for an id that is not there.
   */
  async delete(template: Template | string, call?: CallOptions): Promise<void> {
    const id = idOf(template);
    given({ template: id });
    await this.#client.json("deleteTemplate", { id }, call);
  }

  /**
   * Creates a box from a template. Returns once it is scheduled, as {@link BoxService.create}. Never sent twice.
   *
   * @throws {@link NotFoundError} for a template that is not there; {@link InvalidArgumentError} for a name that is taken or a
   * configuration that cannot be right.
   */
  async createVm(options: CreateVmOptions, call?: CallOptions): Promise<Box> {
    const { template, name, config } = options;
    const of = idOf(template);
    given({ template: of });
    const wanted = { template: of, name, config: sized("a template", config) };
    const made = await this.#client.json<BoxInfo>("createFromTemplate", wanted, call);
    return Box.of(this.#client, { ...made, image: typeof template === "string" ? "" : template.image });
  }
}

function idOf(template: Template | string): string {
  return typeof template === "string" ? template : template.id;
}
