// Makes the images that Berth's demo and tests run, without a registry: node scripts/images.mjs [hello] [busybox]
import { IMAGES } from "./lib/images.mjs";
import { main, Stop, step } from "./lib/progress.mjs";

await main(async () => {
  const names = process.argv.slice(2);
  for (const name of names.length === 0 ? Object.keys(IMAGES) : names) {
    if (!Object.hasOwn(IMAGES, name))
      throw new Stop(`There is no image "${name}", only ${Object.keys(IMAGES).join(", ")}`);
    await step(`Making the image berth.local/${name}`, IMAGES[name]);
  }
});
