from .pair_drawing import box_iou, draw_predicted_pair, draw_views

__all__ = ['box_iou', 'draw_predicted_pair', 'draw_views']
