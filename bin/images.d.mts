export function imageName(name: string): string;
export function buildImage(image: string, dockerfile: string, context: string, args?: readonly string[]): Promise<void>;
export function loadImages(images: readonly string[]): Promise<boolean>;
export function builder(): object | undefined;
export function imageSize(image: string): Promise<string>;
export function envoyProgram(): string | undefined;
