"""One step of gradient descent, by hand and by minigrad: the worked example of 《深度学习与梯度》.

The model is ŷ = θ x, the loss (y − ŷ)², with x = 2, θ = 5, y = 9 and a learning rate of 0.125. The chain rule gives
dloss/dθ = dloss/dŷ · dŷ/dθ. All numbers here are exact.

It prints::

    forward   ŷ = 10.0, loss = 1.0
    backward  dloss/dŷ = 2.0, dŷ/dθ = 2.0, dloss/dθ = 4.0
    update    θ = 4.5, loss = 0.0
"""

from __future__ import annotations

import minigrad as torch


def main() -> None:
    """Print the forward pass, the gradients, and what one step makes of θ."""
    x, y = torch.tensor(2.0), torch.tensor(9.0)
    theta = torch.tensor(5.0, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.125)

    prediction = theta * x
    loss = (y - prediction) ** 2
    print(f"forward   ŷ = {prediction.item()}, loss = {loss.item()}")

    (by_prediction,) = torch.autograd.grad(loss, prediction, retain_graph=True)
    (by_theta,) = torch.autograd.grad(prediction, theta, retain_graph=True)
    loss.backward()
    assert theta.grad is not None
    print(f"backward  dloss/dŷ = {by_prediction.item()}, dŷ/dθ = {by_theta.item()}, dloss/dθ = {theta.grad.item()}")

    optimizer.step()
    with torch.no_grad():
        print(f"update    θ = {theta.item()}, loss = {((y - theta * x) ** 2).item()}")


if __name__ == "__main__":
    main()
