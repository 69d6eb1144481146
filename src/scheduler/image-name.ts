/**
 * An image's name as it is compared: with a tag, and without what Docker leaves out of the names of its hub:
 * `docker.io/library/busybox` is `busybox:latest`. Pure.
 */
export function imageName(name: string): string {
  const short = name.replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, "");
  return short.lastIndexOf(":") <= short.lastIndexOf("/") ? `${short}:latest` : short;
}
