"""FID and KID between two parts of a data set, and how long the features take; prints one JSON line.

    python -m benchmarks.fid npz:cifar10.npz --inception WEIGHTS.npz --num 2000
    python -m benchmarks.fid npz:cifar10.npz --inception WEIGHTS.npz --num 0 --against test --device cuda

The first `num` training images (0: all) against as many that follow them, or (--against test) against test images.
The values of real images are the best that a generator can reach with as many images: FID falls with their number, KID
does not. For CIFAR-10, all training against all test images, the published FID is about 3.15.
"""

import argparse
import json
import time

from benchmarks.timing import pin


def main():
    """Parse the arguments, pin the process, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a data set of images")
    parser.add_argument(
        "--inception", metavar="FILE.npz", help="weights of the FID Inception (default: downloaded ones)"
    )
    parser.add_argument("--num", type=int, default=2000)
    parser.add_argument("--against", default="train", choices=("train", "test"))
    parser.add_argument("--protocol", help="tf2015 (default), pytorch-fid or clean-fid")
    parser.add_argument("--batch_size", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or tpu")
    args = parser.parse_args()
    pin(args.threads, args.device)
    from rich.console import Console
    from rich.progress import track

    from ebmjax.data import load
    from ebmjax.evaluation.download import given_or_downloaded
    from ebmjax.evaluation.fid_protocols import DEFAULT, find_protocol
    from ebmjax.evaluation.frechet import frechet_distance
    from ebmjax.evaluation.inception import inception_features, load_inception, make_inception_features
    from ebmjax.evaluation.kernel_distance import kernel_distance, subset_rows

    protocol = args.protocol or DEFAULT
    try:
        find_protocol(protocol)
    except ValueError as error:
        parser.error(f"--protocol: {error}")
    dataset = load(args.data)
    num = args.num or len(dataset.x_train)
    x = dataset.x_train[:num]
    y = dataset.x_train[num : 2 * num] if args.against == "train" else dataset.x_test[: args.num or None]
    if dataset.max_value != 255 or not len(y):
        parser.error(f"{args.data}: must be uint8 images, more than {num} of them")
    try:
        weights, digest = load_inception(given_or_downloaded(args.inception))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    features = make_inception_features(weights, protocol)
    start, cpu = time.perf_counter(), time.process_time()
    bar = lambda name: lambda rows: track(rows, name, console=Console(stderr=True))
    of = lambda part, name: inception_features(features, part, protocol, batch_size=args.batch_size, progress=bar(name))
    x, y = of(x, "x"), of(y, "y")
    line = {"fid": frechet_distance(x, y), "counts": [len(x), len(y)], "protocol": protocol, "weights": digest}
    rows = subset_rows(min(len(x), len(y)))
    line["kid"], line["kid_error"] = kernel_distance(x, y, num_subsets=100, subset_size=rows)
    line["fid_of_x_with_itself"] = frechet_distance(x, x)
    seconds = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps(line | seconds | {"threads": args.threads, "device": args.device}))


if __name__ == "__main__":
    main()
